//! Who may ask: requests for this host, from this host's own page or from no page at all, with the token where there is one.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, Method, Uri, header};

use super::problem::Problem;
use super::token::Token;

/// Where a connection has come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local(pub(super) SocketAddr);

/// What is asked without a token: what tells nothing of the run.
pub(super) const OPEN: [&str; 4] = ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"];

/// Checks a request's head.
///
/// A page of another site can make a browser send requests here, and by a name that it has pointed here even read the
/// answers; so both the name that is asked for and the page that asks must be this server's.
pub(super) fn check(
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    local: Local,
    hosts: &[String],
    token: Option<&Token>,
) -> Result<(), Problem> {
    let host = one(headers, &header::HOST)?.ok_or_else(|| Problem::malformed("the request names no host"))?;
    if !is_ours(host, local, hosts) || uri.host().is_some_and(|asked| !is_ours(asked, local, hosts)) {
        let help = "ask by the address that it listens on, or start it with `--host NAME`";
        return Err(Problem::misdirected(format!("this server is not called `{}`: {help}", host.escape_debug())));
    }
    if let Some(origin) = one(headers, &header::ORIGIN)? {
        let own = ["http", "https"].iter().any(|scheme| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")));
        if !own {
            return Err(Problem::forbidden("foreign-origin", "pages of other sites may not ask this server"));
        }
    }
    let coding = one(headers, &header::CONTENT_ENCODING)?;
    if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::unsupported("bodies are read as they are, without a `Content-Encoding`"));
    }
    let open = OPEN.contains(&uri.path()) && [Method::GET, Method::HEAD].contains(method);
    let shown = one(headers, &header::AUTHORIZATION)?.map(str::as_bytes);
    if token.is_some_and(|token| !open && !token.is_shown(shown)) {
        return Err(Problem::unauthorized());
    }
    Ok(())
}

/// The value of a header that may stand there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| Problem::malformed(format!("the header `{name}` is not text")))
        }
        _ => Err(Problem::malformed(format!("the header `{name}` stands there twice"))),
    }
}

/// Whether a host, with or without a port, is this server: the very address that the connection has come in at, the names
/// of this machine alone where that is a loopback address, and the names that it was given.
fn is_ours(host: &str, Local(local): Local, hosts: &[String]) -> bool {
    let name = without_port(host);
    let loopback = local.ip().to_canonical().is_loopback();
    if hosts.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            address == local.ip().to_canonical() || (loopback && address.is_loopback())
        }
        Err(_) => loopback && name.eq_ignore_ascii_case("localhost"),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the colons inside an IPv6 address.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(local: &str, hosts: &[&str], headers: &[(&str, &str)]) -> Result<(), Problem> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let local = Local(local.parse().unwrap());
        check((&Method::POST, &Uri::from_static("/v1/query"), &map), local, &hosts, None)
    }

    #[test]
    fn only_this_servers_own_names_are_answered() {
        for (local, hosts, host, ours) in [
            ("127.0.0.1:80", &[][..], "127.0.0.1", true),
            ("127.0.0.1:80", &[], "LocalHost:8080", true),
            ("127.0.0.1:80", &[], "[::1]:80", true),
            ("[::1]:80", &[], "localhost", true),
            ("127.0.0.1:80", &[], "rebound.example", false),
            ("127.0.0.1:80", &[], "localhost.example", false),
            ("127.0.0.1:80", &[], "127.0.0.1.example", false),
            ("127.0.0.1:80", &[], "10.0.0.7", false),
            ("127.0.0.1:80", &[], "", false),
            ("127.0.0.1:80", &[], "localhost:80:80", false),
            ("10.0.0.7:80", &[], "10.0.0.7:80", true),
            ("[::ffff:10.0.0.7]:80", &[], "10.0.0.7:80", true),
            ("10.0.0.7:80", &[], "localhost", false),
            ("10.0.0.7:80", &[], "10.0.0.8", false),
            ("10.0.0.7:80", &["images.example"], "Images.Example:443", true),
            ("10.0.0.7:80", &["images.example"], "other.example", false),
        ] {
            let answer = asked(local, hosts, &[("host", host)]);
            assert_eq!(answer.is_ok(), ours, "{host} at {local}: {answer:?}");
        }
        assert!(asked("127.0.0.1:80", &[], &[]).unwrap_err().same_kind(&Problem::malformed("")));
        let twice = [("host", "localhost"), ("host", "other.example")];
        assert!(asked("127.0.0.1:80", &[], &twice).unwrap_err().same_kind(&Problem::malformed("")));
    }

    #[test]
    fn only_this_servers_own_page_may_ask() {
        for (host, origin, own) in [
            ("localhost:80", "http://localhost:80", true),
            ("localhost:80", "http://localhost:81", false),
            ("localhost:80", "http://127.0.0.1:80", false),
            ("localhost:80", "null", false),
            ("localhost:80", "http://evil.example", false),
            ("localhost:80", "http://localhost:80.evil.example", false),
            ("localhost", "file://localhost", false),
        ] {
            let answer = asked("127.0.0.1:80", &[], &[("host", host), ("origin", origin)]);
            assert_eq!(answer.is_ok(), own, "{origin}");
        }
    }

    #[test]
    fn encoded_bodies_are_refused() {
        for (coding, read) in [("gzip", false), ("br, identity", false), ("identity", true)] {
            let answer = asked("127.0.0.1:80", &[], &[("host", "localhost"), ("content-encoding", coding)]);
            assert_eq!(answer.is_ok(), read, "{coding}");
        }
    }

    #[test]
    fn a_token_guards_all_that_tells_something() {
        let token = Token::new("0123456789abcdef").unwrap();
        let ask = |method: Method, path: &'static str, shown: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost".parse().unwrap());
            if let Some(shown) = shown {
                headers.insert(header::AUTHORIZATION, format!("Bearer {shown}").parse().unwrap());
            }
            let local = Local("127.0.0.1:80".parse().unwrap());
            check((&method, &Uri::from_static(path), &headers), local, &[], Some(&token)).is_ok()
        };
        for path in OPEN {
            assert!(
                ask(Method::GET, path, None) && ask(Method::HEAD, path, None) && !ask(Method::POST, path, None),
                "{path}"
            );
        }
        for path in ["/metrics", "/v1/index", "/v1/query", "/nothing"] {
            assert!(!ask(Method::GET, path, None) && !ask(Method::GET, path, Some("0123456789abcdeF")), "{path}");
            assert!(ask(Method::GET, path, Some("0123456789abcdef")), "{path}");
        }
    }
}
