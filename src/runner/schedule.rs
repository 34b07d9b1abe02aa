//! The ready queue: which stage may start now. Knows positions in the plan's order, and nothing of what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use petgraph::Direction;

use crate::plan::Plan;

/// Hands out stages whose upstream is done; shared by all workers.
///
/// Of several ready stages the one first in the plan goes first. A tensor stage waits for the device's one slot:
/// the backend uses every core by itself.
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
    running: usize,
    device_busy: bool,
    /// Stages that can't run, and the position of the failed stage that they depend on.
    blocked: BTreeMap<usize, usize>,
}

impl Queue {
    pub(super) fn new(plan: &Plan) -> Self {
        let position: BTreeMap<_, _> = plan.order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let after =
            |node| plan.graph.neighbors_directed(node, Direction::Outgoing).map(|next| position[&next]).collect();
        let missing: Vec<usize> =
            plan.order.iter().map(|node| plan.graph.edges_directed(*node, Direction::Incoming).count()).collect();
        let ready = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
        Self {
            after: plan.order.iter().map(|node| after(*node)).collect(),
            tensor: plan.order.iter().map(|node| plan.graph[*node].stage.tensor()).collect(),
            state: Mutex::new(State { missing, ready, running: 0, device_busy: false, blocked: BTreeMap::new() }),
            changed: Condvar::new(),
        }
    }

    /// A worker that panics poisons nothing: every change of the state is made whole under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a stage that may start; `None` once there will be none.
    pub(super) fn next(&self, cancelled: &dyn Fn() -> bool) -> Option<usize> {
        let mut state = self.state();
        loop {
            if cancelled() {
                return None;
            }
            let free = |at: &usize| !(self.tensor[*at] && state.device_busy);
            if let Some(at) = state.ready.iter().copied().find(free) {
                state.ready.remove(&at);
                state.running += 1;
                state.device_busy |= self.tensor[at];
                return Some(at);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes back a stage: its successors become ready, or blocked if it failed.
    pub(super) fn finish(&self, at: usize, ok: bool) {
        let mut state = self.state();
        state.running -= 1;
        if self.tensor[at] {
            state.device_busy = false;
        }
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
