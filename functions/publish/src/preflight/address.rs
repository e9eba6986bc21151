//! Which addresses are fetched at all: those that anybody on the internet can reach, over https.
//!
//! An address that is written as a number is judged here, in every spelling, since `url` reads them all; a name is
//! judged by [`is_public`] once more when it is resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Why an address is not fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Empty,
    NotAnAddress,
    NotAscii,
    NotHttps,
    WithUser,
    WithPort,
    NotPublic,
}

impl Unfit {
    /// Stable word for a program.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Empty => "address_missing",
            Self::NotAnAddress => "not_an_address",
            Self::NotAscii => "address_not_ascii",
            Self::NotHttps => "address_not_https",
            Self::WithUser => "address_with_user",
            Self::WithPort => "address_with_port",
            Self::NotPublic => "address_not_public",
        }
    }

    /// What to change, about the address itself or about one that it redirects to.
    pub(super) fn sentence(self, is_redirect: bool) -> String {
        let what = if is_redirect {
            "This redirects to an address that"
        } else {
            "The address"
        };
        match self {
            Self::Empty => "The address is empty: write where Instagram finds the file.".into(),
            Self::NotAnAddress => {
                format!(
                    "{what} is not a whole web address: write it like `https://…/picture.jpg`, without spaces."
                )
            }
            Self::NotAscii => {
                format!("{what} has letters that an address may not have: percent-encode them.")
            }
            Self::NotHttps => {
                format!(
                    "{what} does not begin with https://, and Instagram should fetch nothing else: serve the file over https."
                )
            }
            Self::WithUser => {
                format!(
                    "{what} holds a user name or password: put the file where no login is needed."
                )
            }
            Self::WithPort => {
                format!("{what} names a port: serve the file on the usual port of https, 443.")
            }
            Self::NotPublic => {
                format!(
                    "{what} leads into a private network: put the file where everybody on the internet can fetch it."
                )
            }
        }
    }
}

/// Reads an address, and says why it is not fetched. The origins in `trusted` are exempt.
pub(super) fn fit(text: &str, trusted: &[Url]) -> Result<Url, Unfit> {
    if text.trim().is_empty() {
        return Err(Unfit::Empty);
    }
    // `url` would drop or replace these, and Instagram's parser may not.
    let is_stray = |byte: u8| byte <= b' ' || byte == 0x7f || byte == b'\\';
    if text.bytes().any(is_stray) {
        return Err(Unfit::NotAnAddress);
    }
    if !text.is_ascii() {
        return Err(Unfit::NotAscii);
    }
    let url = Url::parse(text).map_err(|_| Unfit::NotAnAddress)?;
    fit_url(&url, trusted)?;
    Ok(url)
}

/// As [`fit`], for an address that is read already: one that another redirects to.
pub(super) fn fit_url(url: &Url, trusted: &[Url]) -> Result<(), Unfit> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Unfit::WithUser);
    }
    if is_trusted(url, trusted) {
        return Ok(());
    }
    let is_inside = match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        // A name without a dot is one of a local network.
        Some(Host::Domain(name)) => !name.trim_end_matches('.').contains('.'),
        None => return Err(Unfit::NotHttps),
    };
    if is_inside {
        return Err(Unfit::NotPublic);
    }
    if url.scheme() != "https" {
        return Err(Unfit::NotHttps);
    }
    match url.port() {
        Some(_) => Err(Unfit::WithPort),
        None => Ok(()),
    }
}

/// Whether the operator named its origin: scheme, host and port.
pub(super) fn is_trusted(url: &Url, trusted: &[Url]) -> bool {
    trusted.iter().any(|origin| origin.origin() == url.origin())
}

/// Whether an address belongs to the internet and to one machine there. Sources: IANA's registries of special-purpose
/// addresses. Of IPv6 only 2000::/3 is handed out, so that mapped, translated (NAT64), unique-local, link-local and
/// multicast addresses are all outside; Teredo and 6to4 are tunnels to IPv4 inside of it.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127, ..] => true,
        [100, second, ..] => second & 0xc0 == 64,
        [169, 254, ..] | [192, 168, ..] => true,
        [172, second, ..] => second & 0xf0 == 16,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => true,
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        [first, ..] => first >= 224,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_global = first & 0xe000 == 0x2000;
    let is_special = match first {
        // IETF's protocols with Teredo (2001::/23), and documentation.
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 => true,
        0x3fff => second < 0x1000,
        _ => false,
    };
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_no_spelling_of_an_inner_address_is_fit() {
        for text in [
            "https://127.0.0.1/a.jpg",
            "https://127.1/a.jpg",
            "https://127.0.0.1./a.jpg",
            "https://2130706433/a.jpg",
            "https://0x7f000001/a.jpg",
            "https://0x7f.0.0.1/a.jpg",
            "https://017700000001/a.jpg",
            "https://0177.0.0.1/a.jpg",
            "https://%31%32%37.0.0.1/a.jpg",
            "https://0/a.jpg",
            "https://0.0.0.0/a.jpg",
            "https://10.1.2.3/a.jpg",
            "https://172.31.255.255/a.jpg",
            "https://192.168.0.1/a.jpg",
            "https://100.64.0.1/a.jpg",
            "https://169.254.169.254/latest/meta-data/",
            "https://169.254.170.2/v2/credentials",
            "https://192.0.0.192/a.jpg",
            "https://198.18.0.1/a.jpg",
            "https://224.0.0.1/a.jpg",
            "https://255.255.255.255/a.jpg",
            "https://[::1]/a.jpg",
            "https://[::]/a.jpg",
            "https://[::ffff:127.0.0.1]/a.jpg",
            "https://[::ffff:a9fe:a9fe]/a.jpg",
            "https://[::127.0.0.1]/a.jpg",
            "https://[64:ff9b::a9fe:a9fe]/a.jpg",
            "https://[64:ff9b:1::a9fe:a9fe]/a.jpg",
            "https://[2002:7f00:1::]/a.jpg",
            "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/a.jpg",
            "https://[2001:db8::1]/a.jpg",
            "https://[fd00:ec2::254]/latest/meta-data/",
            "https://[fe80::1]/a.jpg",
            "https://[fec0::1]/a.jpg",
            "https://[ff02::1]/a.jpg",
            "https://localhost/a.jpg",
            "https://metadata./a.jpg",
        ] {
            assert_eq!(fit(text, &[]), Err(Unfit::NotPublic), "{text}");
        }
    }

    #[test]
    fn d11_only_https_without_user_and_port_is_fit() {
        for (text, expected) in [
            ("", Unfit::Empty),
            ("  ", Unfit::Empty),
            ("a.jpg", Unfit::NotAnAddress),
            ("https://", Unfit::NotAnAddress),
            ("https://a.example/a b.jpg", Unfit::NotAnAddress),
            (" https://a.example/a.jpg", Unfit::NotAnAddress),
            ("https://a.example\\@b.example/a.jpg", Unfit::NotAnAddress),
            ("https://[::1%25eth0]/a.jpg", Unfit::NotAnAddress),
            ("https://a.example/brötchen.jpg", Unfit::NotAscii),
            ("https://bäcker.example/a.jpg", Unfit::NotAscii),
            ("http://a.example/a.jpg", Unfit::NotHttps),
            ("ftp://a.example/a.jpg", Unfit::NotHttps),
            ("file:///etc/passwd", Unfit::NotHttps),
            ("data:image/jpeg;base64,AAAA", Unfit::NotHttps),
            ("https://ann@a.example/a.jpg", Unfit::WithUser),
            ("https://ann:word@a.example/a.jpg", Unfit::WithUser),
            ("https://a.example:8443/a.jpg", Unfit::WithPort),
            ("https://a.example:22/a.jpg", Unfit::WithPort),
        ] {
            assert_eq!(fit(text, &[]), Err(expected), "{text}");
        }
        for text in [
            "https://a.example/a.jpg?x=1#y",
            "HTTPS://A.example:443/a.jpg",
            "https://8.8.8.8/a.jpg",
            "https://[2606:4700::1111]/a.jpg",
            "https://172.32.0.1/a.jpg",
            "https://100.128.0.1/a.jpg",
        ] {
            assert!(fit(text, &[]).is_ok(), "{text}");
        }
    }

    #[test]
    fn d11_trust_is_for_one_origin_and_for_none_of_its_neighbors() {
        let trusted = [Url::parse("http://127.0.0.1:3000").unwrap()];
        assert!(fit("http://127.0.0.1:3000/a.jpg", &trusted).is_ok());
        for (text, expected) in [
            ("http://127.0.0.1:3001/a.jpg", Unfit::NotPublic),
            ("https://127.0.0.1:3000/a.jpg", Unfit::NotPublic),
            ("http://localhost:3000/a.jpg", Unfit::NotPublic),
            ("http://127.0.0.1.a.example:3000/a.jpg", Unfit::NotHttps),
            ("http://ann@127.0.0.1:3000/a.jpg", Unfit::WithUser),
        ] {
            assert_eq!(fit(text, &trusted), Err(expected), "{text}");
        }
    }
}
