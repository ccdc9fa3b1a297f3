//! Who a request is addressed to, and which page it comes from.
//!
//! A page of somebody else may make a browser send requests here: by a name of
//! its own that it lets point to this machine (DNS rebinding), which the Host
//! header tells; or openly, which the Origin header and `Sec-Fetch-Site` tell.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header};

use super::Refusal;

/// The host of `host:port`, lower-cased and without brackets.
fn host_of(authority: &str) -> Option<String> {
    let host = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
            return None;
        }
        host
    } else {
        match authority.split_once(':') {
            Some((host, port)) if is_port(port) => host,
            Some(_) => return None,
            None => authority,
        }
    };
    (!host.is_empty()).then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.parse::<u16>().is_ok()
}

/// Whether a request may be meant for us: it names an address, `localhost`, or
/// a name that we were told to be ours.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    host.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
        || hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
}

/// Looks at the Host of a request; `authority` is that of its address, if it
/// has one.
pub(super) fn check_host(headers: &HeaderMap, authority: Option<&str>, hosts: &[String]) -> Result<(), Refusal> {
    let mut named = headers.get_all(header::HOST).iter();
    let first = named.next().and_then(|value| value.to_str().ok());
    let host = authority.or(first).and_then(host_of);
    match host {
        Some(host) if named.next().is_none() && is_ours(&host, hosts) => Ok(()),
        Some(host) => Err(Refusal::new(
            421,
            "foreign_host",
            format!("this server is not called `{host}`: use its address, or start it with --host {host}"),
        )),
        None => Err(Refusal::new(400, "bad_host", "the request names no host")),
    }
}

/// Looks at where a request comes from, if a browser tells it.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or_default());
    let foreign = || {
        Refusal::new(
            403,
            "foreign_origin",
            "this request was sent by a page of another origin, which may not do that",
        )
    };
    if let Some(origin) = text(header::ORIGIN.as_str()) {
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let host = text(header::HOST.as_str()).unwrap_or_default();
        if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            return Err(foreign());
        }
    }
    // Pictures and scripts are asked for without an origin. To follow a link is
    // no harm.
    let site = text("sec-fetch-site").unwrap_or("none");
    let navigates = text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
    if matches!(site, "cross-site" | "same-site") && !navigates {
        return Err(foreign());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{host_of, is_ours};

    #[test]
    fn hosts_are_read_with_and_without_ports() {
        for (text, host) in [
            ("localhost", Some("localhost")),
            ("LocalHost:80", Some("localhost")),
            ("127.0.0.1:4318", Some("127.0.0.1")),
            ("[::1]:4318", Some("::1")),
            ("[::1]", Some("::1")),
            ("example.com.", Some("example.com")),
            ("[::1]x", None),
            ("[::1", None),
            ("::1", None),
            ("a:b", None),
            ("a:80:80", None),
            (":80", None),
            ("", None),
        ] {
            assert_eq!(host_of(text).as_deref(), host, "{text}");
        }
    }

    #[test]
    fn names_of_others_are_not_ours() {
        let hosts = ["dash.example".to_owned()];
        for host in ["localhost", "app.localhost", "127.0.0.1", "::1", "192.0.2.1", "dash.example"] {
            assert!(is_ours(host, &hosts), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "xlocalhost", "127.0.0.1.evil.example"] {
            assert!(!is_ours(host, &hosts), "{host}");
        }
    }
}
