//! How an answer leaves: whole, late, slowly, in part, or not at all.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::stream;

use crate::answer::Answer;
use crate::connection::Connection;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Whole,
    Late {
        milliseconds: u64,
    },
    ByteByByte {
        milliseconds: u64,
    },
    Half,
    WithoutBody,
    Padded {
        bytes: u64,
    },
    Closed,
    Reset,
}

impl Delivery {
    /// Whether the caller gets to see the status.
    pub(crate) fn shows_status(self) -> bool {
        !matches!(self, Self::Closed | Self::Reset)
    }
}

pub(crate) async fn deliver(
    answer: Answer,
    delivery: Delivery,
    connection: &Connection,
) -> Response<Body> {
    let mut response: Response<Body> = answer.head();
    match delivery {
        Delivery::Whole => *response.body_mut() = Body::from(answer.body),
        Delivery::Late { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            *response.body_mut() = Body::from(answer.body);
        }
        Delivery::ByteByByte { milliseconds } => {
            *response.body_mut() = byte_by_byte(answer.body, milliseconds)
        }
        Delivery::Half if answer.body.is_empty() => connection.close(),
        Delivery::Half => {
            let promised = HeaderValue::from(answer.body.len());
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, promised);
            *response.body_mut() = first_half(answer.body);
        }
        Delivery::WithoutBody => {}
        Delivery::Padded { bytes } => *response.body_mut() = padded(bytes),
        Delivery::Closed => connection.close(),
        Delivery::Reset => connection.reset(),
    }
    response
}

fn byte_by_byte(body: Bytes, milliseconds: u64) -> Body {
    Body::from_stream(stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, Infallible>(byte), rest))
    }))
}

/// Ends in an error, upon which the server closes the connection.
fn first_half(body: Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    Body::from_stream(stream::unfold(Some(half), |half| async move {
        if let Some(half) = half {
            return Some((Ok(half), None));
        }
        // The pause lets the server send what it has before it meets the error.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None))
    }))
}

/// Valid JSON of exactly this length (at least 14 bytes), made as it is sent.
fn padded(bytes: u64) -> Body {
    const START: &[u8] = b"{\"padding\":\"";
    const MIDDLE: &[u8] = &[b'x'; 65_536];
    const END: &[u8] = b"\"}";
    let mut middle = bytes.saturating_sub((START.len() + END.len()) as u64);
    let mut stage = 0;
    Body::from_stream(stream::iter(std::iter::from_fn(move || {
        let piece = match stage {
            0 => {
                stage = 1;
                START
            }
            1 if middle > 0 => {
                let length = middle.min(MIDDLE.len() as u64);
                middle -= length;
                &MIDDLE[..usize::try_from(length).unwrap_or(MIDDLE.len())]
            }
            1 => {
                stage = 2;
                END
            }
            _ => return None,
        };
        Some(Ok::<_, Infallible>(Bytes::from_static(piece)))
    })))
}
