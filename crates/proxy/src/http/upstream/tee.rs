//! A second reader of a request body: a mirrored request gets what the original gets, frame by frame.
//!
//! The original never waits for it. A reader that is too slow is given up rather than kept in memory.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::body::{BodyFailed, RequestBody};

/// So many frames may be under way. hyper reads at most some hundred KiB into one.
const FRAMES: usize = 32;

/// Where frames go in.
#[derive(Debug)]
pub(crate) struct Tee {
    /// Gone once the reader was given up, or all was said.
    sender: Option<Sender<Part>>,
}

/// Where they come out.
#[derive(Debug)]
pub(crate) struct Branch {
    receiver: Receiver<Part>,
    ended: bool,
}

#[derive(Debug)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Tee {
    pub(crate) fn new() -> (Self, RequestBody) {
        let (sender, receiver) = channel(FRAMES);
        (Self { sender: Some(sender) }, RequestBody::Branch(Branch { receiver, ended: false }))
    }

    pub(super) fn saw(&mut self, frame: &Frame<Bytes>) {
        match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => self.put(Part::Data(data.clone())),
            (_, Some(trailers)) => self.put(Part::Trailers(trailers.clone())),
            _ => {}
        }
    }

    pub(super) fn complete(&mut self) {
        self.put(Part::End);
        self.sender = None;
    }

    fn put(&mut self, part: Part) {
        if self.sender.as_ref().is_some_and(|sender| sender.try_send(part).is_err()) {
            self.sender = None;
        }
    }
}

impl Branch {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(cx).map(|part| match part {
            Some(Part::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Part::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Part::End) => {
                self.ended = true;
                None
            }
            // Without an end it must not look whole.
            None => {
                self.ended = true;
                Some(Err(BodyFailed::Abandoned))
            }
        })
    }
}
