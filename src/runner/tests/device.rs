//! Trials of several processes that share one device.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::children::{HOLD, spawn};
use super::*;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_stage::{Bound, Ctx, Facts, InputFacts, Kind, Policy, Port, Stage, StageError};

params! {
    /// Of [`OnDevice`].
    struct OnDeviceParams {
        /// So that each has a key of its own.
        text: String = String::new(),
    }
}

/// Fails where another stage is on the device, and stays there while the file [`HOLD`] is.
#[derive(Debug)]
struct OnDevice;

/// Says who is on the device; beside [`HOLD`].
const INSIDE: &str = "inside";

impl Stage for OnDevice {
    const NAME: &'static str = "on-device";
    const SUMMARY: &'static str = "Wants the device for itself.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.txt"];
    const TENSOR: bool = true;
    type Params = OnDeviceParams;

    fn ports(_: &OnDeviceParams) -> Vec<Port> {
        Vec::new()
    }

    fn infer(_: &OnDeviceParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn run(_: &OnDeviceParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let hold = PathBuf::from(std::env::var_os(HOLD).unwrap());
        let inside = hold.with_file_name(INSIDE);
        let mut file = File::create_new(&inside).map_err(StageError::io("create", &inside))?;
        write!(file, "{}", std::process::id()).map_err(StageError::io("write", &inside))?;
        std::thread::sleep(Duration::from_millis(5));
        while hold.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::fs::remove_file(&inside).map_err(StageError::io("remove", &inside))?;
        let out = ctx.output("out.txt");
        std::fs::write(&out, "").map_err(StageError::io("write", &out))
    }
}

/// A plan of stages on the device: `device-NAME-COUNT`.
pub(super) fn plan_named(name: &str) -> Option<Plan> {
    let (name, count) = name.strip_prefix("device-")?.split_once('-')?;
    let mut plan = plan(&[]);
    for at in 0..count.parse::<usize>().unwrap() {
        let (id, text) = (format!("stage-{at}"), format!("{name} {at}"));
        let stage = Arc::new(Bound::<OnDevice>(OnDeviceParams { text }));
        let node = simpipe_plan::Node { id, stage, policy: Policy::default(), facts: Facts::Report };
        let node = plan.graph.add_node(node);
        plan.order.push(node);
    }
    Some(plan)
}

/// The process that is on the device, once there is one.
fn who_is_inside(root: &Path) -> u32 {
    for _ in 0..10_000 {
        if let Some(who) = std::fs::read_to_string(root.join(INSIDE)).ok().and_then(|text| text.parse().ok()) {
            return who;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nobody came in 10 s")
}

#[test]
fn two_processes_are_never_on_the_device_at_once() {
    let project = Project::in_memory();
    let root = project.folder.path();
    let children = ["device-one-8", "device-two-8", "device-three-8"].map(|plan| spawn(root, plan));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "another was there: {output:?}");
    }
}

#[test]
fn whoever_is_killed_on_the_device_leaves_it_to_the_next() {
    let project = Project::in_memory();
    let root = project.folder.path();
    std::fs::write(root.join("hold"), "").unwrap();
    let mut first = spawn(root, "device-one-1");
    assert_eq!(who_is_inside(root), first.id());
    let second = spawn(root, "device-two-1");
    // The second is kept out by the first process alone, not by what that has left.
    std::fs::remove_file(root.join(INSIDE)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!root.join(INSIDE).exists(), "the first is still there");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(who_is_inside(root), second.id());
    std::fs::remove_file(root.join("hold")).unwrap();
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
