//! Work that can't be asked to stop, waited for by one who can.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use simpipe_stage::{Ctx, StageError};

/// How long at most nobody asks whether to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What `work` gives. Where the stage is to stop first, the work is left to end by itself and its result is dropped.
pub(super) fn apart<T: Send + 'static>(
    ctx: &Ctx<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StageError> {
    let (sender, receiver) = channel();
    let spawned = std::thread::Builder::new().name("evaluate".to_owned()).spawn(move || {
        // Nobody listens any more where the stage has stopped.
        let _ = sender.send(work());
    });
    spawned.map_err(|error| StageError::failed(format!("no thread could be started: {error}")))?;
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => ctx.stop_if_cancelled()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(StageError::failed("a figure of the embeddings ended without a result"));
            }
        }
    }
}
