use super::*;

/// How many bytes belong to the body, if it ended.
fn length(body: &str) -> Option<usize> {
    let mut chunks = Chunks::START;
    let length = chunks.follow(body.as_bytes());
    (chunks == Chunks::Ended).then_some(length)
}

#[test]
fn a_body_ends_behind_its_trailers() {
    for whole in [
        "0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
        "0003\r\nabc\r\n000\r\n\r\n",
        "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
        "3;x=\"y;z\"\r\nabc\r\n0;end\r\n\r\n",
        "3 \r\nabc\r\n0\r\n\r\n",
        "3\r\n\r\n\r\r\n0\r\n\r\n",
        "0\r\nx: 1\r\ny: 2\r\n\r\n",
    ] {
        assert_eq!(length(&format!("{whole}GET /next")), Some(whole.len()), "{whole:?}");
        assert_eq!(length(&whole[..whole.len() - 1]), None, "{whole:?} without its end");
    }
}

#[test]
fn it_can_be_followed_byte_by_byte() {
    let mut chunks = Chunks::START;
    for byte in b"3;x\r\nabc\r\n0\r\nx: 1\r\n\r\n" {
        assert_eq!(chunks.follow(&[*byte]), 1);
    }
    assert_eq!(chunks, Chunks::Ended);
    assert_eq!(chunks.follow(b"more"), 0);
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    for body in [
        "\r\nabc\r\n",
        "zz\r\n",
        "-3\r\n",
        "+3\r\n",
        "0x3\r\n",
        " 3\r\n",
        "3\nabc\n",
        "3\rabc",
        "3;x\nabc\r\n",
        "3;x\0\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n",
        "3\r\nabc0\r\n",
        "11111111111111111\r\n",
    ] {
        let mut chunks = Chunks::START;
        chunks.follow(body.as_bytes());
        assert!(matches!(chunks, Chunks::Broken { .. }), "{body:?}: {chunks:?}");
    }
}
