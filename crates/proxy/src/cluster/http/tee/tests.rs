use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;

use super::super::RequestBody;
use super::{Branch, LIMIT, Tee};

fn data(length: usize) -> Frame<Bytes> {
    Frame::data(Bytes::from(vec![b'x'; length]))
}

/// What a mirrored request sends: how many bytes, and whether they are all.
async fn read(branch: Branch) -> (usize, bool) {
    let mut body = RequestBody::Branch(branch);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => length += frame.into_data().unwrap().len(),
            Err(_abandoned) => return (length, false),
        }
    }
    (length, true)
}

#[tokio::test]
async fn the_copy_is_whole_only_if_the_original_was() {
    let (mut tee, body) = Tee::new();
    tee.saw(&data(3));
    tee.saw(&data(4));
    tee.complete();
    assert_eq!(read(body).await, (7, true));
    let (mut tee, body) = Tee::new();
    tee.saw(&data(3));
    drop(tee);
    assert_eq!(read(body).await, (3, false));
}

#[tokio::test]
async fn who_falls_too_far_behind_is_given_up() {
    let (mut tee, body) = Tee::new();
    for _ in 0..3 {
        tee.saw(&data(LIMIT / 2));
    }
    tee.complete();
    assert_eq!(read(body).await, (LIMIT, false));
}
