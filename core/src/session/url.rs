//! The URLs that a payer is sent to.

use std::net::Ipv6Addr;

use super::limits::MAX_URL;

/// Whether a URL is an absolute http or https URL without characters that no URL contains. Stripe's template
/// `{CHECKOUT_SESSION_ID}` is allowed.
pub(super) fn is_url(value: &str) -> bool {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| value.get(..scheme.len()).is_some_and(|given| given.eq_ignore_ascii_case(scheme)));
    let Some(rest) = scheme.and_then(|scheme| value.get(scheme.len()..)) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\');
    is_authority(authority) && !value.chars().any(odd) && value.chars().count() <= MAX_URL
}

/// A host, perhaps with a port. A user name is refused: a payer who reads `bank.com@evil.com` takes it for the host.
fn is_authority(authority: &str) -> bool {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    match authority.split_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(authority),
    }
}

fn is_host(host: &str) -> bool {
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii();
    let host = host.strip_suffix('.').unwrap_or(host);
    !host.is_empty() && host.split('.').all(|label| !label.is_empty() && label.chars().all(named))
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn hosts_are_real() {
        for url in [
            "https://app.example.com/paid?s={CHECKOUT_SESSION_ID}",
            "http://localhost:3000",
            "HTTPS://a.b./",
            "http://127.0.0.1:8080/",
            "http://[::1]:3000/x",
            "https://[2001:db8::1]",
            "https://bücher.example/#top",
        ] {
            assert!(is_url(url), "{url}");
        }
        for url in [
            "",
            "/paid",
            "app.example.com",
            "ftp://a/b",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://a b",
            "https://good@evil.com/",
            "https://[",
            "https://[]",
            "https://[::1",
            "https://[::1]x",
            "https://a:b",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://.",
            "https://a..b",
            "https://..",
            "https://%61",
            "https://a\\b",
            "https://{CHECKOUT_SESSION_ID}/",
        ] {
            assert!(!is_url(url), "{url}");
        }
    }

    #[test]
    fn a_url_has_at_most_5000_characters() {
        let of = |length: usize| format!("https://a.b/{}", "ü".repeat(length - "https://a.b/".len()));
        assert!(is_url(&of(5_000)));
        assert!(!is_url(&of(5_001)));
    }

    #[test]
    fn no_part_of_a_url_holds_what_no_url_holds() {
        for odd in [' ', '\t', '\u{7}', '<', '>', '"', '\\'] {
            assert!(!is_url(&format!("https://a.b/x{odd}y")), "{odd:?}");
        }
    }

    #[test]
    fn ports_and_labels_are_whole() {
        for url in ["https://a-b_c.example:1", "https://a:65535/", "https://[::1]", "https://[::1]:1", "http://a."] {
            assert!(is_url(url), "{url}");
        }
        for url in [
            "https://a!b",
            "https://[::1]:",
            "https://[::1]:0",
            "https://[::1]1",
            "https://a:+1",
            "https://.a",
            "http:/a",
        ] {
            assert!(!is_url(url), "{url}");
        }
    }
}
