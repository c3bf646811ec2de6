use super::xxh64;

/// From the reference implementation: its command `xxhsum -H64`, and its self-test.
#[test]
fn known_texts_have_known_hashes() {
    for (text, expected) in [
        ("", 0xEF46_DB37_51D8_E999),
        ("a", 0xD24E_C4F1_A98C_6E5B),
        ("abc", 0x44BC_2CF5_AD77_0999),
        ("message digest", 0x066E_D728_FCEE_B3BE),
        ("abcdefghijklmnopqrstuvwxyz", 0xCFE1_F278_FA89_835C),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 0xAAA4_6907_D304_7814),
    ] {
        assert_eq!(xxh64(text.as_bytes(), 0), expected, "{text}");
    }
}
