//! `simpipe serve`: the answers of `match` over HTTP, by the real program.

mod changes;
mod client;
mod crowd;
mod docs;
mod hostile;
mod page;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use simpipe_artifact::Embeddings;

use self::client::{Head, Serving, TOKEN, base64, decoded, form};
use crate::project::{Project, simpipe};
use crate::query::{Asked, on_its_threshold, store_of};
use crate::{frozen_backbone, peers};

/// That a value is of a schema of the description.
fn validate(description: &Json, name: &str, value: &Json) {
    let mut schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    schema["components"] = description["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}\n{value}");
}

#[test]
fn a_picture_gets_the_answer_that_match_gave_it_however_it_is_sent() {
    let asked = Asked::new(&[]);
    let before = store_of(&asked.project);
    let serving = Serving::start(&asked.project, &[], false);
    crate::schemas::validate("serve.schema.json", &serving.said);
    let description = serving.get("/openapi.json").json();
    let bytes = |at: usize| std::fs::read(asked.path(at)).unwrap();
    let same = |response: &client::Response, places: &[usize]| {
        assert_eq!(response.status, 200, "{}", response.text());
        let answers = response.json()["answers"].as_array().unwrap().clone();
        assert_eq!(answers.len(), places.len());
        for (answer, at) in answers.iter().zip(places) {
            validate(&description, "Answer", answer);
            asked.expect_same(answer, *at);
        }
        answers
    };
    let count = asked.rows.len();
    for at in [0, 1, count / 2] {
        let answers = same(&serving.post("/v1/query", "image/png", &bytes(at)), &[at]);
        assert_eq!(answers[0]["image"], "body");
        let text = json!({ "image": format!("data:image/png;base64,{}", base64(&bytes(at))) }).to_string();
        same(&serving.post("/v1/query", "application/json", text.as_bytes()), &[at]);
    }
    for batch in [8, 64.min(count)] {
        let places: Vec<usize> = (0..count).step_by(count / batch).take(batch).collect();
        let files: Vec<Vec<u8>> = places.iter().map(|at| bytes(*at)).collect();
        let fields: Vec<_> = files.iter().map(|file| ("image", Some("../../a \u{202e}.png"), &file[..])).collect();
        let (kind, body) = form(&fields);
        let answers = same(&serving.post("/v1/query", kind, &body), &places);
        assert_eq!(answers[0]["image"], "../../a \u{202e}.png", "a name is only repeated");
    }
    // All at once: whoever they are computed together with, each gets its own.
    std::thread::scope(|scope| {
        for at in 0..count.min(96) {
            let (serving, same, bytes) = (&serving, &same, bytes(at));
            scope.spawn(move || same(&serving.post("/v1/query", "image/png", &bytes), &[at]));
        }
    });
    let few = serving.post("/v1/query?neighbours=2", "image/png", &bytes(0)).json();
    assert_eq!(few["answers"][0]["neighbours"].as_array().unwrap().len(), 2);
    drop(serving);
    assert_eq!(store_of(&asked.project), before, "serving writes nothing");
}

/// The answers to files that are sent as one form.
fn answered_together(serving: &Serving, files: &[Vec<u8>]) -> Vec<Json> {
    let fields: Vec<_> = files.iter().map(|file| ("image", Some("x.png"), &file[..])).collect();
    let (kind, body) = form(&fields);
    let response = serving.post("/v1/query", kind, &body);
    assert_eq!(response.status, 200, "{}", response.text());
    let answers = response.json()["answers"].as_array().unwrap().clone();
    assert_eq!(answers.len(), files.len());
    answers
}

/// Every query of a run, alone and in company; of one the distance is the threshold to the last bit.
#[test]
fn every_query_is_judged_as_match_judged_it_also_on_the_threshold() {
    let (asked, at, threshold) = on_its_threshold();
    let serving = Serving::start(&asked.project, &[], false);
    let files: Vec<Vec<u8>> = (0..asked.rows.len()).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    for batch in [1, 8, 64] {
        let mut found = Vec::new();
        for some in files.chunks(batch) {
            found.extend(answered_together(&serving, some));
        }
        assert_eq!(found.len(), files.len());
        found.iter().enumerate().for_each(|(at, answer)| asked.expect_same(answer, at));
        let own = (found[at]["distance"].as_f64(), &found[at]["accepted"]);
        assert_eq!(own, (Some(threshold), &true.into()), "in batches of {batch}");
    }
}

/// The network behind the head is loaded too: what is sent are images, not its features.
#[test]
fn a_head_and_the_network_behind_it_are_served_as_one() {
    let project = Project::new();
    let run = frozen_backbone::run(&project, &[]);
    let asked = Asked::of(project, &run);
    let serving = Serving::start(&asked.project, &[], false);
    let files: Vec<Vec<u8>> = (0..asked.rows.len()).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    for at in [0, 1, files.len() / 2, files.len() - 1] {
        let response = serving.post("/v1/query", "image/png", &files[at]);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["answers"].as_array().unwrap().len(), 1);
        asked.expect_same(&response.json()["answers"][0], at);
    }
    for size in [8, files.len()] {
        let answers = answered_together(&serving, &files[..size]);
        answers.iter().enumerate().for_each(|(at, answer)| asked.expect_same(answer, at));
    }
    assert!(files.len() == 100 && asked.rows.iter().any(|row| row.matched));
}

/// Each query left out of its own neighbours, an index that is walked, votes: the same function answers.
#[test]
fn the_way_a_run_judges_is_the_way_it_is_served() {
    for more in [
        ["match.leave-one-out=true", "match.matcher={ majority-vote = { k = 3 } }", "match.neighbours=2"],
        [
            "index.slice=\"all\"",
            "index.search={ hnsw = { links = 8, search-width = 12, min-recall = 0.5 } }",
            "match.neighbours=3",
        ],
    ] {
        let sets: Vec<&str> = more.iter().flat_map(|set| ["--set", *set]).collect();
        let asked = Asked::new(&sets);
        let args = ["--writable", "--name", "other"];
        let serving = Serving::start(&asked.project, &args, true);
        // What is added far away changes no answer, but is searched beside.
        let white =
            client::encoded(&image::RgbImage::from_pixel(32, 32, image::Rgb([255; 3])), image::ImageFormat::Png);
        assert_eq!(serving.post("/v1/images?label=white", "image/png", &white).status, 200);
        for at in [0, 7, asked.rows.len() - 1] {
            let file = std::fs::read(asked.path(at)).unwrap();
            let answer = serving.post("/v1/query", "image/png", &file).json()["answers"][0].clone();
            let found: Vec<&Json> = answer["neighbours"].as_array().unwrap().iter().collect();
            if !found.iter().any(|near| near["added"] == true) {
                asked.expect_same(&answer, at);
            }
        }
    }
}

#[test]
fn addresses_are_described_and_answer_as_described() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &[], true);
    let description = serving.get("/openapi.json").json();
    let picture = std::fs::read(asked.path(0)).unwrap();

    let index = serving.get("/v1/index").json();
    validate(&description, "Index", &index);
    assert_eq!((&index["classes"], &index["writable"]), (&json!(asked.classes), &false.into()));
    assert_eq!(serving.said["run_vectors"], index["vectors"]);
    let (health, head) = (["live", "ready"], Head::default());
    for name in health {
        let response = serving.ask("GET", &format!("/v2/health/{name}"), head, b"");
        assert_eq!((response.status, response.json()), (200, json!({ name: true })));
    }

    // OpenAI's shape; the numbers of both formats are the same, and those that the run has stored.
    let uri = format!("data:image/png;base64,{}", base64(&picture));
    let embed = |body: Json| serving.post("/v1/embeddings", "application/json", body.to_string().as_bytes());
    let dimensions = index["dimensions"].as_u64().unwrap() as usize;
    let two = embed(json!({ "model": "smoke", "input": [uri, uri], "dimensions": dimensions, "user": "me" }));
    assert_eq!(two.status, 200, "{}", two.text());
    validate(&description, "Embeddings", &two.json());
    let numbers: Vec<f32> = serde_json::from_value(two.json()["data"][1]["embedding"].clone()).unwrap();
    assert_eq!((numbers.len(), &two.json()["data"][1]["index"]), (dimensions, &1.into()));
    let one = embed(json!({ "input": uri, "encoding_format": "base64" })).json();
    let coded = decoded(one["data"][0]["embedding"].as_str().unwrap());
    let run = asked.project.json(&["show", "latest", "--json"], 0);
    let rows = asked.project.root().join(run["dir"].as_str().unwrap()).join("embed-validation/embeddings.parquet");
    let rows = Embeddings::read(&rows).unwrap();
    let stored = rows.example_id.iter().position(|id| *id == asked.rows[0].query_id).unwrap();
    for (what, found) in [("floats", &numbers), ("base64", &coded)] {
        let off = found.iter().zip(rows.row(stored)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(found.len() == dimensions && off < 1e-6, "{what}: {off}");
    }
    for (body, status, kind) in [
        (json!({ "model": "other", "input": uri }), 404, "not-found"),
        (json!({ "input": uri, "dimensions": dimensions + 1 }), 422, "dimensions"),
        (json!({ "input": "some words" }), 422, "no-data-uri"),
        (json!({ "input": "https://example.org/cat.png" }), 422, "no-data-uri"),
        (json!({ "input": "file:///etc/passwd" }), 422, "no-data-uri"),
        (json!({ "input": "data:image/png;base64,http://example.org/" }), 422, "no-url"),
        (json!({ "input": [] }), 400, "malformed"),
        (json!({ "input": uri, "inptu": 1 }), 400, "malformed"),
    ] {
        let response = embed(body);
        response.problem(status, kind);
        validate(&description, "Problem", &response.json());
    }

    let metrics = serving.get("/metrics");
    assert!(metrics.text().contains("simpipe_requests_total{route=\"/v1/embeddings\",status=\"422\"} 5"));
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    serving.get("/v1/nothing").problem(404, "not-found");
    serving.get("/v1/query").problem(405, "method-not-allowed");

    let test = "the server's description";
    let Some(mut python) = peers::python(test, &["openapi_spec_validator"]) else { return };
    let file = asked.project.root().join("openapi.json");
    std::fs::write(&file, description.to_string()).unwrap();
    let output = python.args(["-m", "openapi_spec_validator"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("OK"), "{said} {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_server_that_may_not_be_is_refused() {
    let asked = Asked::new(&[]);
    let root = asked.project.root();
    let refused = |args: &[&str], token: Option<&str>, code: i32| -> String {
        let mut command = simpipe(&["serve", "latest", "--json", "--root", root.to_str().unwrap()]);
        command.args(args);
        if let Some(token) = token {
            command.env("SIMPIPE_TOKEN", token);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(
            token.is_none_or(|token| token.is_empty() || !text.contains(token)),
            "a secret is not repeated: {text}"
        );
        text
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let said = refused(&["--listen", address], None, 2);
        assert!(said.contains("is reached from other machines") && said.contains("SIMPIPE_TOKEN"), "{said}");
    }
    assert!(refused(&["--writable"], None, 2).contains("needs a token"));
    assert!(refused(&[], Some(""), 2).contains("16 to 4096 characters"));
    assert!(refused(&[], Some("hunter2-hunter"), 2).contains("SIMPIPE_TOKEN"));
    assert!(refused(&["--token-file", "nothing"], None, 2).contains("`nothing`"));
    assert!(refused(&["--token", "0123456789abcdef"], None, 2).contains("--token"), "there is no such option");
    assert!(refused(&["--listen", "192.0.2.1:1"], Some(TOKEN), 2).contains("can't listen on 192.0.2.1:1"));
    assert!(refused(&["--listen", "here"], None, 2).contains("here"));
    for host in ["images.example:8350", "https://images.example", "", "a b"] {
        assert!(refused(&["--host", host], None, 2).contains("is not a host name"), "{host}");
    }
    for name in ["..", "a/b", ""] {
        assert!(refused(&["--name", name], None, 2).contains("can't be called"), "{name}");
    }
    expect_answers_to_other_machines(&asked);
    // A run that was collected.
    std::fs::remove_dir_all(root.join("artifacts/store/ac")).unwrap();
    let said = refused(&[], None, 2);
    assert!(said.contains("no longer has") && said.contains("simpipe run"), "{said}");
}

/// With a token a server may be reached from other machines, and answers those that show it.
fn expect_answers_to_other_machines(asked: &Asked) {
    let serving = Serving::start_at("0.0.0.0:0", &asked.project, &[], true);
    assert!(serving.said["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{}", serving.said);
    serving.ask("GET", "/v1/index", Head::default(), b"").problem(401, "unauthorized");
    assert_eq!(serving.get("/v1/index").status, 200);
}

#[test]
fn a_server_that_is_asked_to_stop_ends_what_it_has_begun() {
    use std::io::{Read, Write};
    let asked = Asked::new(&[]);
    let mut serving = Serving::start(&asked.project, &["--writable"], true);
    let file = std::fs::read(asked.path(0)).unwrap();
    // Half of a request, and a connection that only waits.
    let mut half = serving.connect();
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        serving.at,
        file.len()
    );
    half.write_all(head.as_bytes()).unwrap();
    half.write_all(&file[..10]).unwrap();
    let mut idle = serving.connect();
    let mut late = serving.connect();
    late.write_all(format!("GET /v2/health/ready HTTP/1.1\r\nHost: {}\r\n", serving.at).as_bytes()).unwrap();
    assert_eq!(serving.get("/v2/health/ready").status, 200, "all of that has come in");
    serving.signal("TERM");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "who only waits is let go");
    // A request that is whole soon enough is told so; one that is not may find the connection closed.
    let mut told = Vec::new();
    let _ = late.write_all(b"\r\n").and_then(|()| late.read_to_end(&mut told));
    if !told.is_empty() {
        client::parsed(&told).problem(503, "busy");
    }
    half.write_all(&file[10..]).unwrap();
    let mut answer = Vec::new();
    half.read_to_end(&mut answer).unwrap();
    let answer = client::parsed(&answer);
    assert_eq!(answer.status, 200, "{}", answer.text());
    asked.expect_same(&answer.json()["answers"][0], 0);
    let (code, errors) = serving.ended();
    assert_eq!(code, Some(0), "{errors}");
    assert!(!errors.contains(TOKEN));
    assert!(std::net::TcpStream::connect(serving.at).is_err());
}

/// A third of what `benches/serve.rs` asks for, without a clock: all are answered, in company, and memory stays.
#[test]
fn many_requests_are_answered_together_and_leave_nothing_behind() {
    let asked = Asked::new(&[]);
    let serving = Serving::start(&asked.project, &[], true);
    let files: Vec<Vec<u8>> = (0..40).map(|at| std::fs::read(asked.path(at)).unwrap()).collect();
    let round = || {
        std::thread::scope(|scope| {
            for worker in 0..16_usize {
                let (serving, files) = (&serving, &files);
                scope.spawn(move || {
                    for at in 0..20 {
                        let file = &files[(worker * 7 + at) % files.len()];
                        assert_eq!(serving.post("/v1/query", "image/png", file).status, 200);
                    }
                });
            }
        });
    };
    round();
    let resident = serving.metric("process_resident_memory_bytes");
    for _ in 0..4 {
        round();
    }
    let grown = serving.metric("process_resident_memory_bytes") - resident;
    assert!(grown < 64e6, "{grown} bytes more after four times as many requests");
    assert_eq!(serving.metric("simpipe_images_total"), 1600.0);
    assert!(serving.metric("simpipe_batches_total") < 1600.0, "some were computed together");
    assert_eq!(serving.metric("simpipe_memory_claimed_bytes"), 0.0);
    let statuses: BTreeSet<String> = serving
        .get("/metrics")
        .text()
        .lines()
        .filter(|line| line.starts_with("simpipe_requests_total{route=\"/v1/query\""))
        .map(str::to_owned)
        .collect();
    assert_eq!(statuses.len(), 1, "{statuses:?}");
}
