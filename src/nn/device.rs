//! Devices: what `device` in a spec means in this binary and on this machine.
//!
//! Backends are named `flex`, `flex-avx2`, `flex-portable`, `flex-amx`, `ndarray`, `cuda` and `vulkan`; those names enter keys. The
//! processor is four of them, for its instructions decide the last digits. Our kernels give the same bytes with AVX-512 and with
//! AVX2, but burn's own sums and matrix products add in the order of the processor's vectors: one with AVX-512 is `flex`, one
//! with AVX2 alone `flex-avx2`. Without either there is no fused multiply-add, that is `flex-portable`. In bfloat16 the sums of
//! AVX-512's vectors are `flex`, and those of AMX's tiles, in another order, `flex-amx`. burn's default device is never asked for:
//! it obeys an environment variable.

use burn::tensor::Device;

use simpipe_base::suggest::{self, Known};
use simpipe_kernel::Numerics;

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

/// What a `device` and a spec's `numerics` mean here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backends {
    /// Those whose stored results are accepted, best first.
    pub accepted: Vec<&'static str>,
    /// The one to compute on.
    pub compute: &'static str,
    /// Why it can't compute with these `numerics`; results that are stored are taken all the same.
    pub unable: Option<DeviceError>,
}

/// The backends of a `device` with these `numerics`.
///
/// # Errors
/// If the device is unknown, not built into this binary, or this machine has none.
pub fn resolve(device: &str, name: Option<&str>) -> Result<Backends, DeviceError> {
    if numerics(name) == Numerics::Bf16 {
        return resolve_bf16(device, simpipe_kernel::bf16_unit());
    }
    let (accepted, compute) = resolve_with(device, processor(simpipe_kernel::instruction_set(), has_wide_vectors()))?;
    Ok(Backends { accepted, compute, unable: None })
}

/// Products of bfloat16 are the processor's alone; `unit` is what computes them on this one.
fn resolve_bf16(device: &str, unit: Option<&str>) -> Result<Backends, DeviceError> {
    let own = unit.map(|unit| if unit == "amx" { "flex-amx" } else { "flex" });
    match (device, own) {
        ("cpu", Some(own)) => Ok(Backends { accepted: vec![own], compute: own, unable: None }),
        ("auto", Some(own)) => Ok(Backends { accepted: vec!["flex-amx", "flex"], compute: own, unable: None }),
        ("auto" | "cpu", None) => {
            let help = "use a processor with AVX-512 BF16 or AMX, or leave `numerics` out for single precision";
            let unable = DeviceError::new("this processor has no instructions for products of bfloat16", help);
            Ok(Backends { accepted: vec!["flex-amx", "flex"], compute: "flex", unable: Some(unable) })
        }
        (other, _) => {
            let (accepted, compute) = resolve_with(other, "flex")?;
            let message = format!("products of bfloat16 are computed on the processor, not on the device `{other}`");
            let help = "use device = \"cpu\", or leave `numerics` out for single precision";
            Ok(Backends { accepted, compute, unable: Some(DeviceError::new(message, help)) })
        }
    }
}

/// The backend that a processor is: the vector instructions of our kernels, and whether burn finds those of AVX-512.
fn processor(instruction_set: &str, wide: bool) -> &'static str {
    match (instruction_set, wide) {
        ("portable", _) => "flex-portable",
        (_, true) => "flex",
        (_, false) => "flex-avx2",
    }
}

/// Whether the processor has what burn and its matrix products ask for; `SIMPIPE_SIMD` tells them nothing.
fn has_wide_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn resolve_with(device: &str, processor: &'static str) -> Result<(Vec<&'static str>, &'static str), DeviceError> {
    match device {
        "auto" => {
            let best = ["cuda", "vulkan"].into_iter().find(|backend| to_device(backend).is_ok());
            let accepted = vec!["cuda", "vulkan", "flex", "flex-avx2", "flex-portable", "ndarray"];
            Ok((accepted, best.unwrap_or(processor)))
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
    match name {
        Some("exact") => Numerics::Exact,
        Some("bf16") => Numerics::Bf16,
        _ => Numerics::Fast,
    }
}

/// The burn device of a backend.
///
/// # Errors
/// If it is unknown, not built into this binary, or this machine has none.
pub fn to_device(backend: &str) -> Result<Device, DeviceError> {
    match backend {
        "flex" | "flex-avx2" | "flex-portable" | "flex-amx" => Ok(Device::flex()),
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
        format!(
            "build it with `cargo build --release --features {backend}`{note}, or use device = \"cpu\" or \"auto\""
        ),
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
        let Backends { accepted, compute, unable } = resolve("auto", None).unwrap();
        assert_eq!(unable, None);
        assert_eq!(accepted, ["cuda", "vulkan", "flex", "flex-avx2", "flex-portable", "ndarray"]);
        assert!(to_device(compute).is_ok());
    }

    #[test]
    fn a_processor_of_other_vector_instructions_is_a_backend_of_its_own() {
        let found = [("avx512", true), ("avx2", true), ("avx2", false), ("portable", true), ("portable", false)]
            .map(|(set, wide)| processor(set, wide));
        assert_eq!(found, ["flex", "flex", "flex-avx2", "flex-portable", "flex-portable"]);
        assert!(found.iter().all(|backend| to_device(backend).is_ok()));
        // What the other one left is taken where anything is, in the same order, and computed anew where it is asked for.
        assert_eq!(resolve_with("cpu", "flex-portable").unwrap(), (vec!["flex-portable"], "flex-portable"));
        let (accepted, compute) = resolve_with("auto", "flex-portable").unwrap();
        assert_eq!(accepted, resolve_with("auto", "flex").unwrap().0);
        assert!(["cuda", "vulkan", "flex-portable"].contains(&compute));
        assert!(to_device("flex-portable").is_ok());
    }

    #[test]
    fn bfloat16_is_computed_by_a_processor_that_has_it() {
        let of = |device, unit| resolve_bf16(device, unit).unwrap();
        let amx = of("cpu", Some("amx"));
        assert_eq!((amx.accepted, amx.compute, amx.unable), (vec!["flex-amx"], "flex-amx", None));
        let vectors = of("auto", Some("avx512-bf16"));
        assert_eq!((vectors.accepted, vectors.compute), (vec!["flex-amx", "flex"], "flex"));
        // What others have computed is taken where nothing can be.
        let none = of("cpu", None);
        assert_eq!(none.accepted, ["flex-amx", "flex"]);
        assert!(none.unable.unwrap().message.contains("bfloat16"));
        assert_eq!(resolve_bf16("cdua", None).unwrap_err().message, "unknown device `cdua`");
        assert!(["flex-amx", "flex"].iter().all(|backend| to_device(backend).is_ok()));
        assert_eq!(numerics(Some("bf16")), Numerics::Bf16);
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn other_devices_do_not_compute_in_bfloat16() {
        let unable = resolve_bf16("ndarray", Some("amx")).unwrap().unable.unwrap();
        assert!(unable.message.contains("`ndarray`") && unable.help.contains("cpu"), "{unable}");
    }

    #[test]
    fn a_misspelt_device_has_help() {
        let error = resolve("cdua", None).unwrap_err();
        assert_eq!(error.message, "unknown device `cdua`");
        assert!(error.help.contains("cuda"), "{}", error.help);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_built_says_how_to_build_it() {
        let error = resolve("cuda", None).unwrap_err();
        assert_eq!(error.message, "this simpipe was built without the backend `cuda`");
        assert!(error.help.contains("--features cuda") && error.help.contains("device = \"cpu\""), "{}", error.help);
    }
}
