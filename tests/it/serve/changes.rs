//! Images that are added to a served index and deleted from it, through kills and restarts.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value as Json, json};

use super::client::{Head, Serving, TOKEN, base64, form, picture};
use crate::project::{files_below, simpipe};
use crate::query::{Asked, store_of};
use crate::turns::turn;

fn add(serving: &Serving, label: &str, file: &[u8]) -> super::client::Response {
    serving.post(&format!("/v1/images?label={label}"), "image/png", file)
}

fn added(serving: &Serving, label: &str, file: &[u8]) -> (String, bool) {
    let response = add(serving, label, file);
    assert_eq!(response.status, 200, "{}", response.text());
    let image = response.json()["images"][0].clone();
    (image["digest"].as_str().unwrap().to_owned(), image["added"].as_bool().unwrap())
}

fn nearest(serving: &Serving, file: &[u8]) -> Json {
    serving.post("/v1/query", "image/png", file).json()["answers"][0].clone()
}

fn log(asked: &Asked, name: &str) -> PathBuf {
    asked.project.root().join("artifacts/served").join(name).join("log")
}

#[test]
fn what_is_added_is_found_and_what_is_deleted_is_not() {
    let asked = Asked::new(&[]);
    let outside = |asked: &Asked| {
        let all = store_of(&asked.project).into_iter();
        all.filter(|(name, _)| !name.starts_with("served/")).collect::<Vec<_>>()
    };
    let before = outside(&asked);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    let (file, label) = (picture(7), "a class that the run does not know");
    let escaped = label.replace(' ', "%20");
    let (digest, new) = added(&serving, &escaped, &file);
    assert!(new && !added(&serving, &escaped, &file).1, "the same again changes nothing");
    add(&serving, "cat", &file).problem(409, "other-label");
    let answer = nearest(&serving, &file);
    let near = &answer["neighbours"][0];
    assert_eq!(
        (&near["label"], &near["digest"], &near["added"]),
        (&label.into(), &digest.clone().into(), &true.into())
    );
    assert!(near["distance"].as_f64().unwrap() < 1e-6 && near["example_id"].is_null());
    assert_eq!((&answer["label"], &answer["accepted"]), (&label.into(), &true.into()), "as near as can be");

    // An image that the run has: it can't be added as something else, and is deleted from what is served alone.
    let indexed = asked.project.json(&["query", "latest", &asked.path(0), "--json"], 0)[0]["neighbours"][0].clone();
    let near = nearest(&serving, &std::fs::read(asked.path(0)).unwrap())["neighbours"][0].clone();
    assert_eq!((&near["example_id"], &near["added"]), (&indexed["example_id"], &false.into()));
    let first = near["digest"].as_str().unwrap().to_owned();
    assert_eq!(serving.delete(&first).status, 200);
    serving.delete(&first).problem(404, "not-found");
    let then = nearest(&serving, &std::fs::read(asked.path(0)).unwrap())["neighbours"][0].clone();
    assert!(then["digest"] != near["digest"] && then["distance"].as_f64() >= near["distance"].as_f64());

    // One that is added is embedded, and nothing else, however many there are.
    let embedded = serving.metric("simpipe_images_total");
    for number in 20..23 {
        assert!(added(&serving, "heron", &picture(number)).1);
    }
    assert_eq!(serving.metric("simpipe_images_total"), embedded + 3.0);

    let index = serving.get("/v1/index").json();
    drop(serving);

    // All of it is there again, also for a server that may not write; its vectors are read, not computed.
    let serving = Serving::start(&asked.project, &[], false);
    assert_eq!(serving.metric("simpipe_images_total"), 0.0);
    let again = serving.get("/v1/index").json();
    for name in ["vectors", "run_vectors", "added_vectors", "classes"] {
        assert_eq!(again[name], index[name], "{name}");
    }
    assert_eq!(nearest(&serving, &file)["label"], label);
    let why = add(&serving, "cat", &picture(12)).problem(403, "read-only");
    assert!(why.contains("without `--writable`"), "{why}");
    drop(serving);
    assert!(outside(&asked) == before, "run folder and store are as they were");
    assert_eq!(files_below(&asked.project.root().join("artifacts/served")), ["smoke/lock", "smoke/log"]);
    assert_eq!(asked.project.output(&["store", "verify"]).status.code(), Some(0));
}

#[test]
fn of_several_images_all_are_added_or_none() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    added(&serving, "heron", &picture(7));
    let files = [picture(8), picture(9), picture(7)];
    let fields = |labels: [&'static str; 3]| {
        let images = files.iter().map(|file| ("image", Some("x.png"), &file[..]));
        let labels = labels.into_iter().map(|label| ("label", None, label.as_bytes()));
        form(&images.chain(labels).collect::<Vec<_>>())
    };
    let (kind, body) = fields(["cat", "dog", "dog"]);
    serving.post("/v1/images", kind, &body).problem(409, "other-label");
    assert_eq!(serving.get("/v1/index").json()["added_vectors"], 1);
    let (kind, body) = fields(["cat", "dog", "heron"]);
    let told = serving.post("/v1/images", kind, &body).json();
    let flags: Vec<bool> = told["images"].as_array().unwrap().iter().map(|one| one["added"] == true).collect();
    assert_eq!(flags, [true, true, false]);
    let text = json!({ "images": [{ "image": base64(&picture(10)), "label": "cat" }] }).to_string();
    assert_eq!(serving.post("/v1/images", "application/json", text.as_bytes()).status, 200);

    for (path, status, kind) in [
        ("/v1/images", 400, "malformed"),
        ("/v1/images?label=", 422, "label"),
        ("/v1/images?label=Unknown", 422, "label"),
        ("/v1/images?label=a%0Ab", 422, "label"),
        ("/v1/images?lable=a", 400, "malformed"),
    ] {
        serving.post(path, "image/png", &picture(11)).problem(status, kind);
    }
}

#[test]
fn one_server_writes_and_the_token_guards_it() {
    let asked = Asked::new(&[]);
    let token = asked.project.root().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let args = ["--writable", "--token-file", token.to_str().unwrap()];
    let first = Serving::start(&asked.project, &args, false);
    let mut second = Serving::start(&asked.project, &args, false);
    assert_eq!((&first.said["writable"], &second.said["writable"]), (&true.into(), &false.into()));
    assert!(add(&second, "cat", &picture(1)).problem(403, "read-only").contains("another server"));
    let why = second.get("/v1/index").json()["read_only_because"].clone();
    assert!(why.as_str().unwrap().contains("another server"), "{why}");
    assert_eq!(add(&first, "cat", &picture(1)).status, 200);
    second.signal("TERM");
    let (code, errors) = second.ended();
    assert!(code == Some(0) && errors.contains("read only: another server") && !errors.contains(TOKEN), "{errors}");

    let no = |method: &str, path: &str, token: Option<&str>| {
        let response = first.ask(method, path, Head { token, ..Head::default() }, b"");
        response.problem(401, "unauthorized");
        assert_eq!(response.header("www-authenticate"), Some("bearer"));
        assert!(!String::from_utf8_lossy(&response.body).contains(TOKEN));
    };
    let wrong = TOKEN.replace('0', "1");
    for (method, path) in [
        ("POST", "/v1/query"),
        ("POST", "/v1/images"),
        ("POST", "/v1/embeddings"),
        ("DELETE", "/v1/images/0"),
        ("GET", "/metrics"),
        ("GET", "/v1/index"),
    ] {
        for token in [None, Some(""), Some(&wrong[..]), Some(&TOKEN[1..])] {
            no(method, path, token);
        }
    }
    for path in ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(first.ask("GET", path, Head::default(), b"").status, 200, "{path}");
    }
    // What the process shows of itself.
    let line = std::fs::read(format!("/proc/{}/cmdline", first.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(TOKEN));
}

#[test]
fn the_last_vector_stays() {
    let asked = Asked::new(&["--set", "index.slice={ begin = 0, size = 3 }", "--set", "match.neighbours=1"]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    let file = std::fs::read(asked.path(0)).unwrap();
    let near = |serving: &Serving| -> Vec<String> {
        let response = serving.post("/v1/query?neighbours=1", "image/png", &file).json();
        let near = response["answers"][0]["neighbours"].as_array().unwrap().clone();
        near.iter().map(|near| near["digest"].as_str().unwrap().to_owned()).collect()
    };
    for left in [2, 1] {
        assert_eq!(serving.delete(&near(&serving)[0]).status, 200);
        assert_eq!(serving.get("/v1/index").json()["vectors"], left);
    }
    serving.delete(&near(&serving)[0]).problem(409, "last-vector");
    assert_eq!(near(&serving).len(), 1, "nothing is lost");
    let far = serving.post("/v1/query?neighbours=2", "image/png", &file).problem(422, "too-many-neighbours");
    assert!(far.contains("2 neighbours are wanted, but the index holds 1 vectors"), "{far}");
}

/// Adds from several clients, the program killed in the midst of them: what was answered with 200 is there.
#[test]
fn every_200_survives_a_kill() {
    let _turn = turn();
    let asked = Asked::new(&[]);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let (next, told) = (AtomicU32::new(0), Mutex::new(Vec::new()));
    for round in 1..=5 {
        let mut serving = Serving::start(&asked.project, &["--writable"], true);
        let (at, delay) = (serving.at, random.random_range(20..200));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let file = picture(number);
                        let Some(status) = try_to_add(at, number, &file) else { break };
                        assert_eq!(status, 200);
                        told.lock().unwrap().push(number);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(delay));
            while told.lock().unwrap().len() < 4 * round {
                std::thread::sleep(Duration::from_millis(5));
            }
            serving.kill();
        });
    }
    let told = told.into_inner().unwrap();
    // What a crash leaves of a change that nobody was told of: the head of a frame.
    let mut file = std::fs::File::options().append(true).open(log(&asked, "smoke")).unwrap();
    file.write_all(b"\xF5SVL\x40\0\0\0").unwrap();
    let mut serving = Serving::start(&asked.project, &["--writable"], true);
    assert!(serving.get("/v1/index").json()["added_vectors"].as_u64().unwrap() as usize >= told.len());
    for number in &told {
        let (_, new) = added(&serving, &format!("class-{}", number % 3), &picture(*number));
        assert!(!new, "image {number} was answered with 200 and is gone");
    }
    assert!(told.len() >= 20, "{} adds between the kills", told.len());
    serving.signal("TERM");
    let (code, errors) = serving.ended();
    assert!(code == Some(0) && errors.contains("a crash left half written"), "{errors}");
}

/// Where the run's index is a graph, added images are in one too: it finds them, nothing that is gone, and the same after a restart.
#[test]
fn images_come_to_a_graph_and_go_from_it_through_a_restart() {
    let search = "index.search={ hnsw = { links = 8, search-width = 12, min-recall = 0.5 } }";
    let sets = ["index.slice=\"all\"", search, "match.neighbours=3"];
    let asked = Asked::new(&sets.iter().flat_map(|set| ["--set", *set]).collect::<Vec<_>>());
    let mut serving = Serving::start(&asked.project, &["--writable"], true);
    let files: Vec<Vec<u8>> = (0..160).map(picture).collect();
    let mut digests = Vec::new();
    for some in files.chunks(80) {
        let fields: Vec<_> = some.iter().map(|file| ("image", Some("x.png"), &file[..])).collect();
        let (kind, body) = form(&fields);
        let told = serving.post("/v1/images?label=drawn", kind, &body).json();
        let images = told["images"].as_array().unwrap();
        digests.extend(images.iter().map(|image| image["digest"].as_str().unwrap().to_owned()));
    }
    let mut gone: Vec<String> = digests.iter().step_by(3).cloned().collect();
    // Of the run too: what is nearest to some of its queries.
    for at in 0..12 {
        let near = nearest(&serving, &std::fs::read(asked.path(at)).unwrap())["neighbours"][0].clone();
        gone.extend((near["added"] == false).then(|| near["digest"].as_str().unwrap().to_owned()));
    }
    gone.sort();
    gone.dedup();
    for digest in &gone {
        assert_eq!(serving.delete(digest).status, 200);
    }
    let of_run: Vec<Vec<u8>> = (0..40).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    let answers = |serving: &Serving| -> Vec<Json> {
        files.iter().chain(&of_run).map(|file| nearest(serving, file)["neighbours"].clone()).collect()
    };
    let before = answers(&serving);
    let named = |near: &Json| near["digest"].as_str().unwrap().to_owned();
    for neighbours in &before {
        let neighbours = neighbours.as_array().unwrap();
        assert!(neighbours.len() == 3 && neighbours.iter().all(|near| !gone.contains(&named(near))));
    }
    let living = || digests.iter().zip(&before).filter(|(digest, _)| !gone.contains(digest));
    let found = living().filter(|(digest, neighbours)| named(&neighbours[0]) == **digest).count();
    assert!(found * 20 >= living().count() * 19, "{found} of {} are found by themselves", living().count());
    serving.kill();
    let serving = Serving::start(&asked.project, &["--writable"], true);
    assert!(answers(&serving) == before, "what is found hangs on the log alone");
}

/// The status of an add; `None` where the server has gone.
fn try_to_add(at: std::net::SocketAddr, number: u32, file: &[u8]) -> Option<u16> {
    let mut stream = std::net::TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let label = number % 3;
    let head = format!(
        "POST /v1/images?label=class-{label} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: image/png\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.len()
    );
    stream.write_all(&[head.as_bytes(), file].concat()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    // An answer that was cut off tells nothing.
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    serde_json::from_slice::<Json>(&answer[body + 4..]).ok()?;
    Some(super::client::parsed(&answer).status)
}

#[test]
fn a_log_that_can_not_be_used_is_refused_and_kept() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &["--writable"], true);
    for number in 0..3 {
        added(&serving, "cat", &picture(number));
    }
    drop(serving);
    let log = log(&asked, "smoke");
    let whole = std::fs::read(&log).unwrap();
    let refused = |code: i32, more: &[&str]| {
        let root = asked.project.root().to_str().unwrap();
        let output =
            simpipe(&["serve", "latest", "--root", root]).args(more).env("SIMPIPE_TOKEN", TOKEN).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    // Damage in the midst of what was synced is no torn tail.
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&log, &flipped).unwrap();
    for more in [&["--writable"][..], &[]] {
        assert!(refused(3, more).contains("is damaged at byte"));
    }
    assert_eq!(std::fs::read(&log).unwrap(), flipped, "nothing of it was changed");
    std::fs::write(&log, &whole).unwrap();

    // A run of another model.
    asked.project.run(&["--set", "seed=99", "--set", "report.figures=[\"training-curves\"]"]);
    for more in [&["--writable"][..], &[]] {
        let said = refused(2, more);
        assert!(said.contains("are of another model") && said.contains("--name NAME"), "{said}");
    }
    assert_eq!(std::fs::read(&log).unwrap(), whole);
    let other = Serving::start(&asked.project, &["--writable", "--name", "other"], true);
    assert_eq!(other.said["added_vectors"], 0);
}
