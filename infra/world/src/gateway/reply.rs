//! A function's answer as an HTTP reply.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What an HTTP caller gets.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case, without `set-cookie`.
    pub headers: Vec<(String, String)>,
    /// The values of `set-cookie`.
    pub cookies: Vec<String>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<Map<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl Reply {
    /// Reads a function's answer.
    ///
    /// # Errors
    /// A sentence, where API Gateway would not take it.
    pub fn parse(answer: &str) -> Result<Self, String> {
        let answer: Answer = serde_json::from_str(answer)
            .map_err(|_| "the function's answer is no HTTP response".to_owned())?;
        let mut headers = flat(answer.headers);
        for (name, value) in flat(answer.multi_value_headers) {
            if !headers.iter().any(|(own, _)| *own == name) {
                headers.push((name, value));
            }
        }
        let text = answer.body.unwrap_or_default();
        let body = if answer.is_base64_encoded {
            STANDARD
                .decode(text)
                .map_err(|_| "the function's answer has a body that is no base64".to_owned())?
        } else {
            text.into_bytes()
        };
        Ok(Self {
            status: answer.status_code,
            headers,
            cookies: answer.cookies.unwrap_or_default(),
            body,
        })
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are none are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as a value of a type.
    ///
    /// # Errors
    /// What serde says.
    pub fn parse_json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// `name=value` of the cookie that was set under this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .filter_map(|cookie| cookie.split(';').next())
            .find(|pair| pair.split('=').next() == Some(name))
    }

    /// Everything that was answered, as one text, to be searched.
    pub fn everything(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\n");
        }
        text + &self.text()
    }
}

/// Several values of one name are joined by a comma, as API Gateway does it.
fn flat(headers: Option<Map<String, Value>>) -> Vec<(String, String)> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    headers
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Array(values) => values.into_iter().map(text).collect::<Vec<_>>().join(","),
                value => text(value),
            };
            (name.to_ascii_lowercase(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_headers_cookies_and_encoded_bodies() {
        let reply = Reply::parse(
            r#"{"statusCode":201,"headers":{"Content-Type":"text/plain"},"multiValueHeaders":{"x-many":["a","b"]},
                "cookies":["a=1; Path=/","b=2"],"body":"aGk=","isBase64Encoded":true}"#,
        )
        .unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (201, "hi"));
        assert_eq!(reply.header("content-type"), Some("text/plain"));
        assert_eq!(reply.header("X-Many"), Some("a,b"));
        assert_eq!(reply.cookie("a"), Some("a=1"));
        assert!(Reply::parse("{}").is_err());
    }
}
