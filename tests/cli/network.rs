//! The `api` backend through proxies and over TLS with a certificate
//! authority of one's own. All of it on loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use crate::harness::{Home, Simulator, done};

/// Accepts connections until the test ends.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads one request, its body included.
fn read_request(from: &mut impl Read) -> Option<(Vec<String>, Vec<u8>)> {
    let mut reader = BufReader::with_capacity(1, from);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length =
        head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Sends one request on and its answer back.
fn forward(head: &[String], body: &[u8], to: &str, back: &mut impl Write) -> std::io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    let kept = head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    for line in kept {
        write!(server, "{line}\r\n")?;
    }
    write!(server, "connection: close\r\n\r\n")?;
    server.write_all(body)?;
    std::io::copy(&mut server, back)?;
    back.flush()
}

/// A TLS server before `to`, whose certificate is signed by an authority that
/// nobody knows; the authority's certificate as a file.
pub(crate) fn tls(home: &Home, to: String) -> (u16, PathBuf) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let file = home.write("ca.pem", authority.pem());

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let port = listen(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        // A client that does not trust us hangs up.
        if let Some((head, body)) = read_request(&mut stream) {
            let _ = forward(&head, &body, &to, &mut stream);
        }
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    (port, file)
}

/// A proxy that notes the first line and the credentials of what it is asked.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let port = listen(move |mut client| {
        let Some((mut head, body)) = read_request(&mut client) else { return };
        let authorization = head.iter().find(|line| line.to_ascii_lowercase().starts_with("proxy-authorization:"));
        notes.lock().unwrap().push(format!("{} {}", head[0], authorization.cloned().unwrap_or_default()));
        let mut parts = head[0].split(' ');
        let (method, target) = (parts.next().unwrap(), parts.next().unwrap().to_owned());
        if method == "CONNECT" {
            let server = TcpStream::connect(&target).unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let mut server = server;
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Write);
        } else {
            let rest = target.strip_prefix("http://").unwrap();
            let (host, path) = rest.split_once('/').unwrap();
            let (host, path) = (host.to_owned(), path.to_owned());
            head[0] = format!("{method} /{path} HTTP/1.1");
            let _ = forward(&head, &body, &host, &mut client);
        }
    });
    (port, seen)
}

fn api(home: &Home) -> (Simulator, String) {
    let simulator = Simulator::start(home, ["--ttft", "0", "--token-interval", "0", "--reply", "over the wire"]);
    let host = simulator.url.strip_prefix("http://").unwrap().to_owned();
    (simulator, host)
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let home = Home::new();
    let (simulator, host) = api(&home);
    let (port, ca) = tls(&home, host);
    let ca = ca.to_str().unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let url = format!("https://{name}:{port}");
        let run = done(&mut home.api(&url, ["query", "--ca-file", ca, "hi"]));
        assert_eq!((run.code, run.out.as_str()), (Some(0), "over the wire\n"), "{run:?}");
    }
    let url = format!("https://localhost:{port}");
    let run = done(home.api(&url, ["query", "hi"]).env("NODE_EXTRA_CA_CERTS", ca));
    assert_eq!(run.code, Some(0), "{run:?}");
    home.write("config/claude-cli/config.toml", format!("ca_file = \"{ca}\""));
    assert_eq!(done(&mut home.api(&url, ["query", "hi"])).code, Some(0), "from the config file");
    assert_eq!(simulator.requests().len(), 4);
}

#[test]
fn and_not_otherwise() {
    let home = Home::new();
    let (simulator, host) = api(&home);
    let (port, _) = tls(&home, host);
    let url = format!("https://localhost:{port}");
    let run = done(&mut home.api(&url, ["query", "--retries", "0", "hi"]));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.err.contains(&format!("cannot reach {url}")) && run.err.to_lowercase().contains("certificate"),
        "{run:?}"
    );
    assert_eq!(simulator.requests().len(), 0, "nothing was sent, least of all the key");
    let junk = home.write("junk.pem", "no certificate");
    for (file, says) in
        [(junk.to_str().unwrap(), "no PEM certificates"), ("/nonexistent.pem", "cannot read /nonexistent.pem")]
    {
        let refused = done(&mut home.api(&url, ["query", "--retries", "0", "--ca-file", file, "hi"]));
        assert!(refused.code != Some(0) && refused.err.contains(says), "{refused:?}");
    }
}

#[test]
fn the_environments_proxies_are_used() {
    let home = Home::new();
    let (simulator, host) = api(&home);
    let (tls_port, ca) = tls(&home, host.clone());
    let (port, seen) = proxy();
    let proxy = format!("http://joe:secret-word@127.0.0.1:{port}");
    let http = simulator.url.clone();
    let https = format!("https://localhost:{tls_port}");
    for (url, variable, line) in [
        (&http, "HTTP_PROXY", format!("POST {http}/v1/messages HTTP/1.1 ")),
        (&http, "all_proxy", format!("POST {http}/v1/messages HTTP/1.1 ")),
        (&https, "HTTPS_PROXY", format!("CONNECT localhost:{tls_port} HTTP/1.1 ")),
        (&https, "ALL_PROXY", format!("CONNECT localhost:{tls_port} HTTP/1.1 ")),
    ] {
        let mut command = home.api(url, ["query", "-vv", "--ca-file", ca.to_str().unwrap(), "hi"]);
        let run = done(command.env(variable, &proxy));
        assert_eq!((run.code, run.out.as_str()), (Some(0), "over the wire\n"), "{variable}: {run:?}");
        let notes = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with(&line), "{notes:?}");
        // joe:secret-word
        assert!(notes[0].to_lowercase().contains("proxy-authorization: basic"), "{notes:?}");
        assert!(notes[0].ends_with("am9lOnNlY3JldC13b3Jk"), "{notes:?}");
        assert!(!run.err.contains("secret-word"));
    }
    let around = done(home.api(&http, ["query", "hi"]).env("HTTP_PROXY", &proxy).env("NO_PROXY", "127.0.0.1"));
    assert_eq!((around.code, seen.lock().unwrap().len()), (Some(0), 0));
    let dead = "http://joe:secret-word@127.0.0.1:9";
    let broken = done(home.api(&http, ["query", "--retries", "0", "hi"]).env("HTTP_PROXY", dead));
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(!broken.err.contains("secret-word"), "{broken:?}");
    let simulated = done(home.cli(["query", "--backend", "simulated", "hi"]).env("HTTP_PROXY", dead));
    assert_eq!(simulated.code, Some(0), "the simulated backend stays within the process: {simulated:?}");
}
