use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const SETTINGS: u8 = 4;
const PING: u8 = 6;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn frames_are_found_however_the_bytes_are_cut() {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[0; 6]));
    bytes.extend(frame(DATA, 0, 1, &[7; 300]));
    bytes.extend(frame(PING, 0, 0, &[0; 8]));
    bytes.extend(frame(DATA, 1, 3, &[]));
    for step in [1, 2, 9, 10, 100, bytes.len()] {
        let mut reader = FrameReader::new(PREFACE);
        let mut found = Vec::new();
        for chunk in bytes.chunks(step) {
            let mut at = 0;
            while let Some(frame) = reader.next(chunk, &mut at) {
                found.push((frame.kind, frame.flags, frame.stream, frame.length));
            }
            assert_eq!(at, chunk.len(), "all of a chunk is looked at");
        }
        assert_eq!(
            found,
            [(SETTINGS, 0, 0, 6), (DATA, 0, 1, 300), (PING, 0, 0, 8), (DATA, 1, 3, 0)],
            "in steps of {step}"
        );
    }
}

/// What a server's codec reads of what a client sent.
fn read_by_server(frames: &[Vec<u8>], step: usize) -> Vec<u8> {
    let mut check = EndCheck::server(());
    let mut bytes = vec![b'p'; PREFACE];
    bytes.extend(frames.concat());
    bytes.chunks_mut(step).for_each(|chunk| check.came(chunk));
    bytes.split_off(PREFACE)
}

#[test]
fn a_reset_without_an_error_before_the_end_is_a_broken_stream() {
    const NO_ERROR: [u8; 4] = [0; 4];
    let cancelled = frame(RST_STREAM, 0, 1, &[0, 0, 0, CANCEL]);
    for step in [1, 3, 9, 11, 1000] {
        let upload = [frame(HEADERS, 4, 1, b"head"), frame(DATA, 0, 1, b"half of it")];
        let broken = [upload[0].clone(), upload[1].clone(), frame(RST_STREAM, 0, 1, &NO_ERROR)];
        assert_eq!(read_by_server(&broken, step), [upload.concat(), cancelled.clone()].concat());

        let last = [
            frame(HEADERS, 4, 1, b"head"),
            frame(DATA, END_STREAM, 1, b"all"),
            frame(RST_STREAM, 0, 1, &NO_ERROR),
        ];
        assert_eq!(read_by_server(&last, step), last.concat(), "what has ended may be reset");

        let trailers = [
            frame(HEADERS, 4, 1, b"head"),
            frame(HEADERS, 5, 1, b"trailers"),
            frame(RST_STREAM, 0, 1, &NO_ERROR),
        ];
        assert_eq!(read_by_server(&trailers, step), trailers.concat(), "trailers are an end");

        let meant = [upload[0].clone(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])];
        assert_eq!(read_by_server(&meant, step), meant.concat(), "other codes stay as they are");

        let other = [upload[0].clone(), frame(HEADERS, 5, 3, b"head"), frame(RST_STREAM, 0, 3, &NO_ERROR)];
        assert_eq!(read_by_server(&other, step), other.concat(), "each stream for itself");
    }
}

#[tokio::test]
async fn a_stream_that_we_reset_is_forgotten() {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let mut check = EndCheck::server(ours);
    theirs.write_all(&[b'p'; PREFACE]).await.unwrap();
    theirs.write_all(&frame(HEADERS, 4, 1, b"head")).await.unwrap();
    let mut read = [0; PREFACE + 13];
    check.read_exact(&mut read).await.unwrap();
    assert!(check.open.contains(&1));
    check.write_all(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 2])).await.unwrap();
    assert!(check.open.is_empty());
}
