//! Devices: what `device` in a spec means in this binary and on this machine.
//!
//! Backends are named `flex`, `flex-portable`, `ndarray`, `cuda` and `vulkan`; those names enter keys. The processor is two of
//! them, for its vector instructions decide the last digits: with AVX-512 and with AVX2 our kernels give the same bytes, that
//! is `flex`; without either there is no fused multiply-add and other bytes, that is `flex-portable`. burn's default device is
//! never asked for: it obeys an environment variable.

use burn::tensor::Device;

use super::ops::Numerics;
use simpipe_base::suggest::{self, Known};

/// What `device` takes in a spec.
pub const DEVICES: &[Known<'static>] = &[
    Known { name: "auto", aka: &[] },
    Known { name: "cpu", aka: &[] },
    Known { name: "ndarray", aka: &[] },
    Known { name: "cuda", aka: &["gpu", "cuda:0", "nvidia"] },
    Known { name: "vulkan", aka: &["wgpu", "metal", "mps", "rocm"] },
];

/// A device that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeviceError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl DeviceError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// The backends of a `device`: those whose stored results are accepted, best first, and the one to compute on.
///
/// # Errors
/// If it is unknown, not built into this binary, or this machine has none.
pub fn resolve(device: &str) -> Result<(Vec<&'static str>, &'static str), DeviceError> {
    resolve_with(device, processor(simpipe_kernel::instruction_set()))
}

/// The backend that a processor is, with these vector instructions.
fn processor(instruction_set: &str) -> &'static str {
    if instruction_set == "portable" { "flex-portable" } else { "flex" }
}

fn resolve_with(device: &str, processor: &'static str) -> Result<(Vec<&'static str>, &'static str), DeviceError> {
    match device {
        "auto" => {
            let best = ["cuda", "vulkan"].into_iter().find(|backend| to_device(backend).is_ok());
            Ok((vec!["cuda", "vulkan", "flex", "flex-portable", "ndarray"], best.unwrap_or(processor)))
        }
        "cpu" => Ok((vec![processor], processor)),
        other => {
            let known = DEVICES.iter().find(|known| known.name == other).ok_or_else(|| unknown(other))?.name;
            to_device(known).map(|_| (vec![known], known))
        }
    }
}

fn unknown(name: &str) -> DeviceError {
    DeviceError::new(format!("unknown device `{name}`"), suggest::help(name, DEVICES))
}

/// The methods that a spec's `numerics` allows.
#[must_use]
pub fn numerics(name: Option<&str>) -> Numerics {
    if name == Some("exact") { Numerics::Exact } else { Numerics::Fast }
}

/// The burn device of a backend.
///
/// # Errors
/// If it is unknown, not built into this binary, or this machine has none.
pub fn to_device(backend: &str) -> Result<Device, DeviceError> {
    match backend {
        "flex" | "flex-portable" => Ok(Device::flex()),
        "ndarray" => ndarray(),
        "cuda" => cuda(),
        "vulkan" => vulkan(),
        other => Err(unknown(other)),
    }
}

#[cfg(not(all(feature = "ndarray", feature = "cuda", feature = "vulkan")))]
fn not_built(backend: &str, note: &str) -> DeviceError {
    DeviceError::new(
        format!("this simpipe was built without the backend `{backend}`"),
        format!("build it with `cargo build --release --features {backend}`{note}, or use device = \"cpu\""),
    )
}

#[cfg(any(feature = "cuda", feature = "vulkan"))]
fn first_gpu(backend: &str, needs: &str, found: impl FnOnce() -> burn::tensor::Devices) -> Result<Device, DeviceError> {
    // Drivers that are half there make some libraries panic; for us that is a machine without a GPU.
    let devices = std::panic::catch_unwind(std::panic::AssertUnwindSafe(found)).ok();
    devices.and_then(|devices| devices.into_iter().next()).ok_or_else(|| {
        DeviceError::new(
            format!("device `{backend}`: no GPU found on this machine"),
            format!("install {needs}, or use device = \"cpu\" or \"auto\""),
        )
    })
}

#[cfg(feature = "ndarray")]
#[expect(clippy::unnecessary_wraps, reason = "an error in a binary without the feature")]
fn ndarray() -> Result<Device, DeviceError> {
    #[expect(deprecated, reason = "kept as the plain reference backend, to compare others with")]
    Ok(Device::ndarray())
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Device, DeviceError> {
    Err(not_built("ndarray", " (a reference backend to compare with, far too slow to train with)"))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, DeviceError> {
    first_gpu("cuda", "NVIDIA's driver", || Device::enumerate(burn::tensor::DeviceType::Cuda))
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device, DeviceError> {
    Err(not_built("cuda", " (the build needs the internet)"))
}

#[cfg(feature = "vulkan")]
fn vulkan() -> Result<Device, DeviceError> {
    first_gpu("vulkan", "a Vulkan driver", || Device::enumerate(burn::tensor::DeviceType::Vulkan))
}

/// Whether tensors of a device are computed by Vulkan.
pub(super) fn is_vulkan(device: &Device) -> bool {
    #[cfg(feature = "vulkan")]
    {
        static DEVICES: std::sync::OnceLock<Vec<Device>> = std::sync::OnceLock::new();
        // The plain CPU needs no look at the drivers.
        *device != Device::flex() && DEVICES.get_or_init(|| vulkan().into_iter().collect()).contains(device)
    }
    #[cfg(not(feature = "vulkan"))]
    {
        _ = device;
        false
    }
}

#[cfg(not(feature = "vulkan"))]
fn vulkan() -> Result<Device, DeviceError> {
    Err(not_built("vulkan", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_flex_and_auto_accepts_what_any_backend_left() {
        assert_eq!(resolve_with("cpu", "flex").unwrap(), (vec!["flex"], "flex"));
        let (accepted, compute) = resolve("auto").unwrap();
        assert_eq!(accepted, ["cuda", "vulkan", "flex", "flex-portable", "ndarray"]);
        assert!(to_device(compute).is_ok());
    }

    #[test]
    fn a_processor_without_vector_instructions_is_a_backend_of_its_own() {
        assert_eq!(["avx512", "avx2", "portable"].map(processor), ["flex", "flex", "flex-portable"]);
        // What the other one left is taken where anything is, in the same order, and computed anew where it is asked for.
        assert_eq!(resolve_with("cpu", "flex-portable").unwrap(), (vec!["flex-portable"], "flex-portable"));
        let (accepted, compute) = resolve_with("auto", "flex-portable").unwrap();
        assert_eq!(accepted, resolve_with("auto", "flex").unwrap().0);
        assert!(["cuda", "vulkan", "flex-portable"].contains(&compute));
        assert!(to_device("flex-portable").is_ok());
    }

    #[test]
    fn a_misspelt_device_has_help() {
        let error = resolve("cdua").unwrap_err();
        assert_eq!(error.message, "unknown device `cdua`");
        assert!(error.help.contains("cuda"), "{}", error.help);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_built_says_how_to_build_it() {
        let error = resolve("cuda").unwrap_err();
        assert_eq!(error.message, "this simpipe was built without the backend `cuda`");
        assert!(error.help.contains("--features cuda") && error.help.contains("device = \"cpu\""), "{}", error.help);
    }
}
