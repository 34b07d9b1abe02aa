//! `simpipe serve`: a run that answers over HTTP.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::options::PlaceOptions;
use super::{logging, print, signal, threads};
use crate::error::{Error, Exit};
use crate::library::stored::StoredMatch;
use simpipe_base::file_name::FileName;
use simpipe_base::issue::Issue;
use simpipe_data::asked::Decoding;
use simpipe_runner::RunRecord;
use simpipe_serve::{About, Limits, ServeError, Server, Setup, Token};
use simpipe_stages::ask::{Asker, Reading};

/// Where the token may stand, beside a file.
const VARIABLE: &str = "SIMPIPE_TOKEN";

/// Serve a run over HTTP: recognise and embed images, and add images to its index or delete them.
#[derive(Debug, Args)]
#[command(
    after_help = "Answers are those of `simpipe query`. `/openapi.json` describes all addresses; `/` is a page to drop images on. \
What is added or deleted lies in `artifacts/served/NAME` of the root; the run and the store stay as they are. One server \
of a name writes there, any number reads.

The token stands in a file or in the variable SIMPIPE_TOKEN, never on the command line. Without one the server listens \
on this machine alone. It speaks plain HTTP: beyond this machine put a proxy with TLS before it.

Exit codes: 0 asked to stop, and all is answered; 2 there is no such run, or it can't be served so; 3 what was added is damaged.

Examples:
  simpipe serve latest
  simpipe serve cifar10 --writable --token-file token
  SIMPIPE_TOKEN=$(cat token) simpipe serve cifar10 --listen 0.0.0.0:8350 --host images.example.org"
)]
pub(super) struct ServeArgs {
    /// A run: its id, the start of one, its folder, an experiment's name, a tag or `latest`.
    run: String,
    /// The stage `match` whose index and threshold to use, if the run has several.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,
    /// Address and port to listen on; port 0 chooses a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8350")]
    listen: SocketAddr,
    /// A name that clients use for the server, such as that of a proxy in front; may be given several times.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A file with the token that clients must send.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let clients add images to the index and delete them; needs a token.
    #[arg(long)]
    writable: bool,
    /// Name of the changed index [default: the experiment's name].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Refuse images with more pixels, if the run's dataset allows more.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    max_pixels: Option<u64>,
    /// Memory for bodies and pixels of all requests, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(1..1 << 24))]
    memory: u64,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print the address as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &ServeArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let token = token(args.token_file.as_deref())?;
    refuse_unguarded(args, token.is_some())?;
    refuse_odd_hosts(&args.host)?;
    threads::start()?;
    logging::start_for_server();
    let setup = setup(args, token)?;
    let listener = TcpListener::bind(args.listen).map_err(|error| {
        let help = "choose another with `--listen ADDRESS:PORT`; port 0 takes a free one";
        Error::usage(format!("can't listen on {}: {error}", args.listen), help)
    })?;
    let wish = signal::wish();
    let (run, stage) = (setup.about.run.clone(), setup.about.stage.clone());
    let server = match Server::new(setup) {
        Ok(server) => server,
        Err(error) => return refused(error),
    };
    say(args, &server, (&run, &stage), listener.local_addr()?, out)?;
    server.run(listener, &wish)?;
    Ok(Exit::Done)
}

/// What the server is made of, out of the run's record and the store.
fn setup(args: &ServeArgs, token: Option<Token>) -> Result<Setup, Error> {
    let root = args.place.root_here()?;
    let record = RunRecord::read(&args.place.run_folder(&root, &args.run)?)?;
    let store = args.place.open_store_to_read(&root)?;
    let stored = StoredMatch::find(&record, args.stage.as_deref(), &store, args.place.url()?.is_some())?;
    let name = args.name.clone().unwrap_or_else(|| record.name.clone());
    let folder = FileName::try_from(name.clone()).ok().filter(|name| name.parts().count() == 1);
    let Some(folder) = folder else {
        let help = "give one that can be a folder's: `--name NAME`";
        return Err(Error::usage(format!("an index can't be called `{}`", print::shown(&name)), help));
    };
    let asker = Asker::open(stored.files(Reading::WithImages)?)?;
    print::store_warnings(&store)?;
    let decoding = Decoding::like(&stored.source, asker.input());
    Ok(Setup {
        about: About {
            run: record.run.clone(),
            experiment: record.name.clone(),
            stage: stored.id.to_owned(),
            name,
            model: stored.model_digest(),
        },
        decoding: args.max_pixels.map_or(decoding.clone(), |most| decoding.at_most(most)),
        asker,
        files: stored.file_names()?.into_names(),
        folder: root.join("artifacts").join("served").join(folder.as_str()),
        writable: args.writable,
        token,
        hosts: args.host.clone(),
        limits: Limits { memory: args.memory << 20, ..Limits::default() },
    })
}

/// Whoever reaches the server may ask it; so only this machine does, unless clients show a token.
fn refuse_unguarded(args: &ServeArgs, has_token: bool) -> Result<(), Error> {
    let help = format!("give one: `--token-file FILE`, or the variable {VARIABLE}");
    if !has_token && !args.listen.ip().to_canonical().is_loopback() {
        let message = format!("{} is reached from other machines, and there is no token", args.listen.ip());
        return Err(Error::usage(message, help + "; or listen on 127.0.0.1"));
    }
    if !has_token && args.writable {
        return Err(Error::usage("an index that clients may change needs a token", help));
    }
    Ok(())
}

/// A name with a port or a scheme would never be that of a request: ports are not compared.
fn refuse_odd_hosts(hosts: &[String]) -> Result<(), Error> {
    let address = |name: &str| name.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let odd = |name: &&String| name.is_empty() || !(plain(name) || address(name).is_some());
    let Some(name) = hosts.iter().find(odd) else { return Ok(()) };
    let help = "give the name alone, such as `--host images.example.org`: any port is answered";
    Err(Error::usage(format!("`{}` is not a host name", print::shown(name)), help))
}

/// The token of a file, else of the environment.
fn token(file: Option<&Path>) -> Result<Option<Token>, Error> {
    let help = "such as what `openssl rand -hex 32` prints";
    if let Some(path) = file {
        let read = Token::from_file(path);
        return read
            .map(Some)
            .map_err(|why| Error::usage(format!("can't use the token in `{}`: {why}", path.display()), help));
    }
    match std::env::var_os(VARIABLE) {
        None => Ok(None),
        Some(text) => {
            let read = text.to_str().ok_or_else(|| "it is not a text".to_owned()).and_then(Token::new);
            read.map(Some).map_err(|why| Error::usage(format!("can't use the token in {VARIABLE}: {why}"), help))
        }
    }
}

fn refused(error: ServeError) -> Result<Exit, Error> {
    let help = error.help().unwrap_or("look at the folder `artifacts/served` of the root").to_owned();
    let damaged = matches!(error, ServeError::Damaged { .. } | ServeError::Unsearchable { .. });
    let error = match error {
        ServeError::Io { source, .. } if !simpipe_base::fs::is_wrong_place(&source) => Error::Output(source),
        ServeError::Thread(error) => Error::Threads(error.to_string()),
        error => Error::usage(error.to_string(), help),
    };
    if damaged {
        print::errors(&error, &mut super::screen::messages())?;
        return Ok(Exit::Damaged);
    }
    Err(error)
}

/// An address at which this machine reaches what listens at another: `0.0.0.0` is none that a request may name.
fn from_here(at: SocketAddr) -> SocketAddr {
    let own: IpAddr = if at.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    if at.ip().is_unspecified() { SocketAddr::new(own, at.port()) } else { at }
}

/// Where it listens and what it serves.
fn say(
    args: &ServeArgs,
    server: &Server,
    (run, stage): (&str, &str),
    at: SocketAddr,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let (of_run, added) = server.vectors();
    let here = from_here(at);
    if let (true, Some(why)) = (args.writable, server.read_only()) {
        print::warnings(&[Issue::nowhere(format!("read only: {why}"))], &mut super::screen::messages())?;
    }
    if args.json {
        let report = json!({
            "url": format!("http://{here}/"), "run": run, "stage": stage, "run_vectors": of_run, "added_vectors": added,
            "writable": server.read_only().is_none(),
        });
        print::json(&report, out)?;
    } else {
        let changes = if added == 0 { String::new() } else { format!(" and {added} added") };
        let how = if server.read_only().is_none() { "writable" } else { "read only" };
        let elsewhere = if at == here { "" } else { ", and from other machines by this one's addresses" };
        writeln!(out, "serving `{stage}` of {run}, {of_run} vectors{changes}, {how}, at http://{here}/{elsewhere}")?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: ServeArgs,
    }

    #[test]
    fn a_server_of_all_addresses_is_reached_by_that_of_this_machine() {
        for (at, here) in [("0.0.0.0:9", "127.0.0.1:9"), ("[::]:9", "[::1]:9"), ("192.0.2.1:9", "192.0.2.1:9")] {
            assert_eq!(from_here(at.parse().unwrap()), here.parse().unwrap());
        }
    }

    #[test]
    fn other_machines_reach_a_server_only_where_that_is_wished_and_a_token_guards_it() {
        let given = |more: &[&str]| Only::parse_from([&["serve", "latest"][..], more].concat()).args;
        let usual = given(&[]);
        assert!(usual.listen.ip().is_loopback() && usual.host.is_empty(), "{usual:?}");
        assert!(refuse_unguarded(&usual, false).is_ok());
        for address in ["0.0.0.0:8350", "[::]:0", "[::ffff:192.0.2.1]:0"] {
            let wide = given(&["--listen", address]);
            assert!(refuse_unguarded(&wide, false).is_err() && refuse_unguarded(&wide, true).is_ok(), "{address}");
        }
    }
}
