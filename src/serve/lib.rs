//! A run as a server: images in, answers out, and an index that can be added to.
//!
//! One thread talks to clients (`listen`, `routes`), a few decode what they send (`pictures`), one asks the network
//! (`engine`) and one writes down changes (`writer`). Answers are made by the function that `match` and `query` use
//! ([`Session`](simpipe_stages::ask::Session)). What was added is searched exactly beside the run's own index.

mod additions;
mod answers;
mod body;
mod collection;
mod embeddings;
mod engine;
mod error;
mod few;
mod files;
mod given;
mod guard;
mod handler;
mod limits;
mod listen;
mod log;
mod metrics;
mod openapi;
mod page;
mod pictures;
mod problem;
mod query;
mod routes;
mod server;
mod shared;
mod status;
mod token;
mod writer;

pub use error::ServeError;
pub use limits::Limits;
pub use log::Origin;
pub use server::{Server, Setup};
pub use shared::About;
pub use token::Token;
