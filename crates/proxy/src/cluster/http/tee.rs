//! A second reader of a request body: a mirrored request gets what the original gets, frame by
//! frame.
//!
//! The original never waits for it. A reader that is too slow is given up rather than kept in
//! memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// So many bytes may be under way.
const LIMIT: usize = 1 << 20;

/// Where frames go in.
#[derive(Debug)]
pub(crate) struct Tee {
    /// Gone once the reader was given up, or all was said.
    sender: Option<UnboundedSender<Part>>,
    queued: Arc<AtomicUsize>,
}

/// Where they come out.
#[derive(Debug)]
pub(crate) struct Branch {
    receiver: UnboundedReceiver<Part>,
    queued: Arc<AtomicUsize>,
    ended: bool,
}

/// The original broke off, or is too far ahead.
#[derive(Debug, thiserror::Error)]
#[error("the request that this one mirrors broke off, or is too far ahead")]
pub(crate) struct Abandoned;

#[derive(Debug)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Tee {
    pub(crate) fn new() -> (Self, Branch) {
        let (sender, receiver) = unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let branch = Branch { receiver, queued: queued.clone(), ended: false };
        (Self { sender: Some(sender), queued }, branch)
    }

    pub(super) fn saw(&mut self, frame: &Frame<Bytes>) {
        match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => {
                let queued = self.queued.fetch_add(data.len(), Ordering::Relaxed) + data.len();
                match queued > LIMIT {
                    true => self.sender = None,
                    false => self.put(Part::Data(data.clone())),
                }
            }
            (_, Some(trailers)) => self.put(Part::Trailers(trailers.clone())),
            _ => {}
        }
    }

    pub(super) fn complete(&mut self) {
        self.put(Part::End);
        self.sender = None;
    }

    fn put(&mut self, part: Part) {
        if self.sender.as_ref().is_some_and(|sender| sender.send(part).is_err()) {
            self.sender = None;
        }
    }
}

impl Branch {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Abandoned>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(cx).map(|part| match part {
            Some(Part::Data(data)) => {
                self.queued.fetch_sub(data.len(), Ordering::Relaxed);
                Some(Ok(Frame::data(data)))
            }
            Some(Part::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Part::End) => {
                self.ended = true;
                None
            }
            // Without an end it must not look whole.
            None => {
                self.ended = true;
                Some(Err(Abandoned))
            }
        })
    }
}

#[cfg(test)]
mod tests;
