//! Which packets are taken for the upstream's reply.

use super::*;

const ID: [u8; 2] = [0xbe, 0xef];
const QUESTION: &[u8] = b"\x07example\x03com\0\0\x01\0\x01";

fn packet(id: [u8; 2], flags: [u8; 2], questions: u8, body: &[u8]) -> Vec<u8> {
    [&id[..], &flags, &[0, questions, 0, 0, 0, 0, 0, 0], body].concat()
}

fn is_reply(candidate: &[u8]) -> bool {
    let asked = packet([0, 7], [1, 0], 1, QUESTION);
    belongs(candidate, ID, &Query::read(&asked).unwrap())
}

#[test]
fn the_reply_has_our_id_and_our_question_in_any_case() {
    assert!(is_reply(&packet(ID, [0x81, 0x80], 1, QUESTION)));
    assert!(is_reply(&packet(ID, [0x81, 0x80], 1, b"\x07EXAMPLE\x03com\0\0\x01\0\x01 and records")));
}

#[test]
fn anything_else_is_not_ours() {
    let good = [0x81, 0x80];
    assert!(!is_reply(&packet([0, 7], good, 1, QUESTION)), "the client's id, not ours");
    assert!(!is_reply(&packet(ID, [0x01, 0x00], 1, QUESTION)), "a query");
    assert!(!is_reply(&packet(ID, [0x91, 0x80], 1, QUESTION)), "another opcode");
    assert!(!is_reply(&packet(ID, good, 1, b"\x07exemple\x03com\0\0\x01\0\x01")), "another name");
    assert!(!is_reply(&packet(ID, good, 1, b"\x07example\x03com\0\0\x1c\0\x01")), "another type");
    assert!(!is_reply(&packet(ID, good, 1, b"\x07example\x03com\0\0\x01\0\x03")), "another class");
    assert!(!is_reply(&packet(ID, good, 2, QUESTION)), "two questions");
    assert!(!is_reply(&packet(ID, good, 1, &QUESTION[..9])), "cut");
    assert!(!is_reply(&ID), "no header");
}

#[test]
fn only_an_error_may_come_without_the_question() {
    assert!(is_reply(&packet(ID, [0x81, 0x81], 0, b"")), "FORMERR");
    assert!(is_reply(&packet(ID, [0x81, 0x05], 0, b"")), "REFUSED");
    assert!(!is_reply(&packet(ID, [0x81, 0x80], 0, b"")), "NOERROR");
    assert!(!is_reply(&packet(ID, [0x81, 0x83], 0, b"")), "NXDOMAIN");
}
