//! A server on this machine: it has sample media with everything that can be wrong with them, and Instagram's answer
//! about the quota.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::samples::{Made, exif, jpeg};

/// An account whose quota is used up.
pub(super) const FULL: &str = "17841400000000050";
/// An account whose quota Instagram does not tell.
pub(super) const UNTOLD: &str = "17841400000000099";

pub(in super::super) struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// What the server says of the whole file's size, where it is not the body's.
    claimed_size: Option<u64>,
}

impl Server {
    pub(in super::super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, seen.clone()));
            }
        });
        Self {
            address,
            heads,
            _running: running,
        }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(in super::super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The heads of all requests so far.
    pub(in super::super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    heads.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    match path {
        "/silent" => std::future::pending().await,
        "/dropped" => {}
        "/endless.jpg" => {
            let mut chunk = jpeg(1080, 1920, &[]);
            let start = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            let mut sent = stream.write_all(start).await;
            while sent.is_ok() {
                sent = stream.write_all(&chunk).await;
                chunk.resize(60_000, 0);
            }
        }
        _ => {
            let wants_part = head.to_lowercase().contains("\r\nrange: bytes=0-");
            let _ = stream.write_all(&written(answer(path), wants_part)).await;
        }
    }
}

fn written(mut answer: Answer, wants_part: bool) -> Vec<u8> {
    let whole = answer.claimed_size.unwrap_or(answer.body.len() as u64);
    let size = answer.body.len();
    let mut status = answer.status;
    if status == 200 && wants_part && answer.claimed_size != Some(0) {
        status = if size == 0 { 416 } else { 206 };
        let range = match size {
            0 => "bytes */0".to_owned(),
            _ => format!("bytes 0-{}/{whole}", size - 1),
        };
        answer.headers.push(("content-range", range));
    }
    let mut text =
        format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\ncontent-length: {size}\r\n");
    for (name, value) in answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend(answer.body);
    bytes
}

fn file(content_type: &str, body: Vec<u8>) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type", content_type.to_owned())],
        body,
        claimed_size: None,
    }
}

fn picture(width: u16, height: u16) -> Answer {
    file("image/jpeg", jpeg(width, height, &[]))
}

fn video(made: Made) -> Answer {
    file("video/mp4", made.file())
}

fn status(status: u16) -> Answer {
    Answer {
        status,
        ..file("text/html", b"<html>no</html>".to_vec())
    }
}

fn moved(target: &str) -> Answer {
    Answer {
        status: 302,
        headers: vec![("location", target.to_owned())],
        body: Vec::new(),
        claimed_size: None,
    }
}

fn answer(path: &str) -> Answer {
    let upright = || jpeg(1080, 1920, &[]);
    match path {
        "/square.jpg" => file("image/jpeg; charset=binary", jpeg(1080, 1080, &[])),
        "/upright.jpg" => picture(1080, 1920),
        "/wide.jpg" => picture(2000, 900),
        "/small.jpg" => picture(300, 300),
        "/side.jpg" => file("image/jpeg", jpeg(4032, 3024, &[(0xe1, &exif(6, false))])),
        "/several.jpg" => file("image/jpeg", jpeg(1080, 1080, &[(0xe2, b"MPF\0")])),
        "/cut.jpg" => file("image/jpeg", upright()[..12].to_vec()),
        "/zero.jpg" => picture(0, 100),
        "/misstated.jpg" => file("text/plain", jpeg(1080, 1080, &[])),
        "/large.jpg" => Answer {
            claimed_size: Some(9 << 20),
            ..picture(1080, 1080)
        },
        "/empty.jpg" => file("image/jpeg", Vec::new()),
        "/picture.png" => file("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        "/really.webp.jpg" => file("image/jpeg", b"RIFF\x24\0\0\0WEBPVP8 ".to_vec()),
        "/picture.heic" => file("image/heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        "/page" => file(
            "text/html",
            b"\n<!doctype html><title>Photos</title>".to_vec(),
        ),
        "/login" => status(401),
        "/forbidden" => status(403),
        "/gone" => status(404),
        "/busy" => status(503),
        "/zipped.jpg" => {
            let mut answer = picture(1080, 1080);
            answer.headers.push(("content-encoding", "gzip".into()));
            answer
        }
        "/video.mp4" => video(Made::default()),
        "/turned.mp4" => video(Made {
            size: (1920, 1080),
            is_turned: true,
            ..Made::default()
        }),
        "/short.mp4" => video(Made {
            milliseconds: 2_900,
            ..Made::default()
        }),
        "/long.mp4" => video(Made {
            milliseconds: 901_000,
            ..Made::default()
        }),
        "/minute.mp4" => video(Made {
            milliseconds: 61_000,
            ..Made::default()
        }),
        "/fragments.mp4" => video(Made {
            milliseconds: 0,
            ..Made::default()
        }),
        "/late.mp4" => file("video/mp4", Made::default().file_with_late_index()),
        "/wide.mp4" => video(Made {
            size: (2160, 3840),
            ..Made::default()
        }),
        "/band.mp4" => video(Made {
            size: (1920, 100),
            ..Made::default()
        }),
        "/lying.mp4" => video(Made {
            size: (1920, 1080),
            ..Made::default()
        }),
        "/av1.mp4" => video(Made {
            codec: b"av01",
            ..Made::default()
        }),
        "/large.mp4" => Answer {
            claimed_size: Some(10_000_000_000),
            ..video(Made::default())
        },
        "/video.webm" => file("video/webm", b"\x1a\x45\xdf\xa3\x01\0\0\0".to_vec()),
        "/moved.jpg" => moved("/whole.jpg"),
        // A server that knows no ranges.
        "/whole.jpg" => Answer {
            claimed_size: Some(0),
            ..file("binary/octet-stream", upright())
        },
        "/hop1" => moved("/hop2"),
        "/hop2" => moved("/hop3"),
        "/hop3" => moved("/hop4"),
        "/hop4" => moved("/square.jpg"),
        "/to-http" => moved("http://media.example.com/a.jpg"),
        "/to-metadata" => moved("http://169.254.169.254/latest/meta-data/"),
        "/to-number" => moved("https://0x7f000001/a.jpg"),
        "/to-file" => moved("file:///etc/passwd"),
        "/to-user" => moved("https://ann:word@media.example.com/a.jpg"),
        path => {
            if let Some(port) = path.strip_prefix("/to-trap/") {
                return moved(&format!("http://127.0.0.1:{port}/a.jpg"));
            }
            if path.ends_with("/content_publishing_limit") {
                return quota(path);
            }
            panic!("nothing is at {path}");
        }
    }
}

fn quota(path: &str) -> Answer {
    let used = if path.contains(FULL) { 50 } else { 49 };
    let body = format!(
        r#"{{"data":[{{"quota_usage":{used},"config":{{"quota_total":50,"quota_duration":86400}}}}]}}"#
    );
    let answer = file("application/json", body.into_bytes());
    if path.contains(UNTOLD) {
        return Answer {
            status: 400,
            body: br#"{"error":{"code":10,"message":"no","type":"OAuthException"}}"#.to_vec(),
            ..answer
        };
    }
    answer
}
