use super::message::{Attributes, Message, replies};

#[test]
fn attributes_are_padded_but_their_length_is_not() {
    let mut datagram = Vec::new();
    Message::new(16, 0, Attributes::after(&[7; 4]).text(3, "br0").bytes(4, &[1])).finish(9, &mut datagram);

    assert_eq!(u32::from_ne_bytes(datagram[0..4].try_into().unwrap()) as usize, datagram.len());
    assert_eq!(datagram[8..12], 9u32.to_ne_bytes(), "sequence");
    assert_eq!(&datagram[16..20], [7; 4], "the fixed part");
    assert_eq!(&datagram[20..28], [8, 0, 3, 0, b'b', b'r', b'0', 0]);
    assert_eq!(&datagram[28..36], [5, 0, 4, 0, 1, 0, 0, 0]);
}

#[test]
fn nested_attributes_carry_the_nested_bit_and_their_own_padding() {
    let mut datagram = Vec::new();
    let inner = Attributes::default().bytes(1, b"veth");
    Message::new(0, 0, Attributes::default().nest(18, inner)).finish(0, &mut datagram);
    assert_eq!(&datagram[16..], [12, 0, 18, 0x80, 8, 0, 1, 0, b'v', b'e', b't', b'h']);
}

#[test]
fn a_cut_off_answer_ends_the_reading_and_never_panics() {
    let mut datagram = Vec::new();
    Message::new(2, 0, Attributes::after(&(-17i32).to_ne_bytes())).finish(5, &mut datagram);
    Message::new(2, 0, Attributes::after(&0i32.to_ne_bytes())).finish(6, &mut datagram);

    let codes: Vec<_> = replies(&datagram).map(|reply| (reply.sequence, reply.error())).collect();
    assert_eq!(codes, [(5, Some(17)), (6, Some(0))]);
    for end in 0..datagram.len() {
        assert!(replies(&datagram[..end]).count() < 2, "{end} bytes");
    }
    assert_eq!(replies(&[3, 0, 0, 0, 1, 2]).count(), 0, "a length shorter than the header");
}
