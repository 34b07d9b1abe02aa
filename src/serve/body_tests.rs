use futures_util::{StreamExt as _, stream};

use super::*;
use crate::limits::Budget;

fn with_type(kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
    headers
}

fn of(kind: &str, body: &str) -> Result<Vec<(String, String, Option<String>)>, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut claim = Budget::new(1000).claim();
    let sent = runtime.block_on(sent(&with_type(kind), body.to_owned().into(), 3, &mut claim))?;
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    Ok(sent.into_iter().map(|sent| (sent.name, text(sent.bytes), sent.label)).collect())
}

fn entry(name: &str, bytes: &str, label: Option<&str>) -> (String, String, Option<String>) {
    (name.to_owned(), bytes.to_owned(), label.map(str::to_owned))
}

/// A multipart body of fields.
fn form(fields: &[(&str, &str)]) -> String {
    let part = |(head, body): &(&str, &str)| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    fields.iter().map(part).collect::<String>() + "--x--\r\n"
}

#[test]
fn images_come_as_they_are_in_parts_or_in_json() {
    assert_eq!(of("image/png", "abc").unwrap(), [entry("body", "abc", None)]);
    assert_eq!(of("application/octet-stream", "abc").unwrap(), [entry("body", "abc", None)]);
    let multipart = "multipart/form-data; boundary=x";
    let two = [("name=\"f\"; filename=\"../a.png\"", "abc"), ("name=\"image\"", "d"), ("name=\"label\"", "cat")];
    assert_eq!(
        of(multipart, &form(&two)).unwrap(),
        [entry("../a.png", "abc", Some("cat")), entry("image", "d", Some("cat"))]
    );
    for body in ["{\"image\": \"YWJj\"}", "{\"images\": [\"data:image/png;base64,YWJj\"]}"] {
        assert_eq!(of("application/json; charset=utf-8", body).unwrap(), [entry("images[0]", "abc", None)]);
    }
    let named =
        "{\"label\": \"dog\", \"images\": [{\"image\": \"YQ\", \"name\": \"n\", \"label\": \"cat\"}, \"Yg==\"]}";
    assert_eq!(
        of("application/json", named).unwrap(),
        [entry("n", "a", Some("cat")), entry("images[1]", "b", Some("dog"))]
    );
}

#[test]
fn what_holds_no_images_is_refused_with_a_reason() {
    let multipart = "multipart/form-data; boundary=x";
    let labels = [("name=\"a\"", "1"), ("name=\"label\"", "l"), ("name=\"label\"", "m")];
    let many = [("name=\"a\"", "1"); 4];
    for (kind, body, expected) in [
        ("text/html", "x", Problem::unsupported("")),
        ("image/png", "", Problem::malformed("")),
        (multipart, "--x--\r\n", Problem::malformed("")),
        (multipart, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nnever ends", Problem::malformed("")),
        ("multipart/form-data", "--x--", Problem::malformed("")),
        (multipart, &form(&labels), Problem::malformed("")),
        (multipart, &form(&many), Problem::too_large("")),
        ("application/json", "{\"image\": \"a*\"}", Problem::malformed("")),
        ("application/json", "{\"imag\": \"YQ\"}", Problem::malformed("")),
        ("application/json", "[]", Problem::malformed("")),
        ("application/json", "{\"images\": [\"YQ\", \"YQ\", \"YQ\", \"YQ\"]}", Problem::too_large("")),
        ("application/json", "{\"image\": \"https://a/b.png\"}", Problem::unprocessable("no-url", "")),
        ("application/json", "{\"image\": \"/etc/passwd\"}", Problem::malformed("")),
    ] {
        let same = |problem: &Problem| problem.same_kind(&expected);
        let found = of(kind, body);
        assert!(found.as_ref().is_err_and(same), "{kind} {body:?}: {found:?}");
    }
    let long = format!("{{\"image\": \"{}\"}}", "A".repeat(1400));
    assert!(of("application/json", &long).unwrap_err().same_kind(&Problem::too_large("")), "no memory for it, ever");
}

#[test]
fn a_body_that_does_not_come_to_its_end_is_given_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let budget = Budget::new(1000);
    let mut claim = budget.claim();
    let begun = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"half of it")) });
    let body = Body::from_stream(begun.chain(stream::pending()));
    let limits = BodyLimits { bytes: 100, time: Duration::from_millis(10) };
    let problem = runtime.block_on(read(&HeaderMap::new(), body, limits, &mut claim)).unwrap_err();
    assert!(problem.same_kind(&Problem::slow("")), "{problem:?}");
    drop(claim);
    assert_eq!(budget.taken(), 0, "what has come is let go");
}

#[test]
fn a_list_without_end_is_refused() {
    let body = format!("{{\"images\": [{}\"\"]}}", "\"\",".repeat(100_000));
    assert!(of("application/json", &body).unwrap_err().same_kind(&Problem::too_large("")));
}

#[test]
fn a_body_may_be_as_long_as_an_image_in_base64() {
    for most in [1, 100, 64 << 20, 1_667_108_864, u64::MAX] {
        assert!(longest(most) >= (most / 3).saturating_mul(4), "{most}");
    }
}
