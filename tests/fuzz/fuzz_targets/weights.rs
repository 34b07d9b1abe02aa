//! Any bytes as a file of weights: safetensors, or what torch writes, both of its containers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use simpipe_artifact::TensorFile;

fuzz_target!(|bytes: &[u8]| {
    let path = simpipe_fuzz::file("weights", bytes);
    let whole = TensorFile::of_bytes(&path, bytes);
    let head = TensorFile::read_head(&path);
    let Ok(file) = whole else {
        return assert!(head.is_err(), "only its head is read, and that is refused of the whole");
    };
    assert_eq!(head.expect("the head of a file that can be read"), file);
    // Whoever asks for the numbers of a tensor has compared its shape with that of a weight, so it has no more.
    const MOST: usize = 1 << 20;
    let size = |shape: &[usize]| shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
    for entry in file.tensors.iter().filter(|entry| size(&entry.shape).is_some_and(|size| size <= MOST)) {
        if let Some(values) = file.values(entry, bytes) {
            assert_eq!(values.len(), entry.shape.iter().product::<usize>());
        }
    }
});
