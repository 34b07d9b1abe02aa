//! The ready queue: which stage may start now. Knows positions in the plan's order, and nothing of what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use petgraph::Direction;

use simpipe_plan::Plan;

/// Hands out stages whose upstream is done; shared by all workers.
///
/// Of several ready stages the one first in the plan goes first. The device has one slot, for the backend uses every
/// core by itself. A tensor stage takes it only once it is known to compute: a hit never waits for the device.
pub(super) struct Queue {
    after: Vec<Vec<usize>>,
    tensor: Vec<bool>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Upstream stages that are not done, by position.
    missing: Vec<usize>,
    ready: BTreeSet<usize>,
    /// Those of `ready` that found the device taken: they start with it, or not yet.
    waiting: BTreeSet<usize>,
    running: usize,
    /// Who has the device.
    device: Option<usize>,
    /// Stages that can't run, and the position of the failed stage that they depend on.
    blocked: BTreeMap<usize, usize>,
}

/// A stage in a worker's hands. Dropped without [`HeldStage::finish`], as in a panic, it counts as failed, so that nobody
/// waits for it.
pub(super) struct HeldStage<'a> {
    queue: &'a Queue,
    at: usize,
    returned: bool,
}

impl Queue {
    pub(super) fn new(plan: &Plan) -> Self {
        let position: BTreeMap<_, _> = plan.order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let after =
            |node| plan.graph.neighbors_directed(node, Direction::Outgoing).map(|next| position[&next]).collect();
        let missing: Vec<usize> =
            plan.order.iter().map(|node| plan.graph.edges_directed(*node, Direction::Incoming).count()).collect();
        let ready = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
        let (waiting, blocked) = (BTreeSet::new(), BTreeMap::new());
        Self {
            after: plan.order.iter().map(|node| after(*node)).collect(),
            tensor: plan.order.iter().map(|node| plan.graph[*node].stage.tensor()).collect(),
            state: Mutex::new(State { missing, ready, waiting, running: 0, device: None, blocked }),
            changed: Condvar::new(),
        }
    }

    /// A worker that panics poisons nothing: every change of the state is made whole under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a stage that may start; `None` once there will be none.
    pub(super) fn next(&self, cancelled: &dyn Fn() -> bool) -> Option<HeldStage<'_>> {
        let mut state = self.state();
        loop {
            if cancelled() {
                return None;
            }
            let free = |at: &usize| state.device.is_none() || !state.waiting.contains(at);
            if let Some(at) = state.ready.iter().copied().find(free) {
                state.ready.remove(&at);
                state.running += 1;
                if state.waiting.remove(&at) {
                    state.device = Some(at);
                }
                return Some(HeldStage { queue: self, at, returned: false });
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, at: usize, ok: bool) {
        let mut state = self.state();
        state.running -= 1;
        release(&mut state, at);
        if ok {
            for next in &self.after[at] {
                state.missing[*next] -= 1;
                if state.missing[*next] == 0 {
                    state.ready.insert(*next);
                }
            }
        } else {
            self.block_after(&mut state, at, at);
        }
        self.changed.notify_all();
    }

    fn block_after(&self, state: &mut State, at: usize, failed: usize) {
        for next in &self.after[at] {
            if !state.blocked.contains_key(next) {
                state.blocked.insert(*next, failed);
                self.block_after(state, *next, failed);
            }
        }
    }

    /// The failed stage that a stage depends on.
    pub(super) fn blocked_by(&self, at: usize) -> Option<usize> {
        self.state().blocked.get(&at).copied()
    }
}

/// Takes the device back from a stage that has it.
fn release(state: &mut State, at: usize) {
    if state.device == Some(at) {
        state.device = None;
    }
}

impl HeldStage<'_> {
    /// The stage's position.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Takes the device, if the stage needs it and nobody else has it; `false` if somebody has.
    pub(super) fn take_device(&self) -> bool {
        let mut state = self.queue.state();
        let taken = state.device.is_some_and(|holder| holder != self.at);
        if self.queue.tensor[self.at] && !taken {
            state.device = Some(self.at);
        }
        !self.queue.tensor[self.at] || !taken
    }

    /// Gives the device to whoever waits for it; nothing if the stage has none.
    pub(super) fn give_device(&self) {
        release(&mut self.queue.state(), self.at);
        self.queue.changed.notify_all();
    }

    /// Puts the stage back: it comes again once the device is free, and has it then.
    pub(super) fn park(mut self) {
        self.returned = true;
        let mut state = self.queue.state();
        state.running -= 1;
        state.waiting.insert(self.at);
        state.ready.insert(self.at);
        drop(state);
        self.queue.changed.notify_all();
    }

    /// Says how it ended: its successors become ready, or blocked if it failed.
    pub(super) fn finish(mut self, ok: bool) {
        self.returned = true;
        self.queue.finish(self.at, ok);
    }
}

impl Drop for HeldStage<'_> {
    fn drop(&mut self) {
        if !self.returned {
            self.queue.finish(self.at, false);
        }
    }
}
