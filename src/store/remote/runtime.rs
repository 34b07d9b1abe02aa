//! A small asynchronous runtime on a thread of its own, for callers that block.
//!
//! The only place that starts one; nothing asynchronous leaves `store/remote`.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::error::RequestError;

/// How often a waiting caller looks whether the user wants to stop: faster than a person notices.
const POLL: Duration = Duration::from_millis(50);

/// The runtime; dropping it ends its thread and whatever is under way.
pub(super) struct Runtime {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Self> {
        // One thread: transfers wait for the network nearly always, and hashing keeps up with any.
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("object-store".to_owned()).spawn(move || {
            drop(runtime.block_on(stopped));
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits for a future, or until the user asks to stop.
    pub(super) fn wait<T, F>(&self, cancel: Option<&AtomicBool>, future: F) -> Result<T, RequestError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RequestError>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let task = self.handle.spawn(async move { drop(sender.send(future.await)) });
        loop {
            match receiver.recv_timeout(POLL) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) => {
                    task.abort();
                    return Err(RequestError::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(RequestError::Failed("the transfer died".to_owned()));
                }
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take()); // the thread waits for this end to go away
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_is_waited_for_and_can_be_interrupted() {
        let runtime = Runtime::start().unwrap();
        assert_eq!(runtime.wait(None, async { Ok(7) }).unwrap(), 7);
        let cancel = AtomicBool::new(true);
        let long = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        };
        assert!(matches!(runtime.wait(Some(&cancel), long), Err(RequestError::Interrupted)));
        let died = runtime.wait(None, async { if true { panic!("a bug") } else { Ok(()) } });
        assert!(matches!(died, Err(RequestError::Failed(_))));
    }
}
