//! What a pickle may call, and the storages and tensors that come of it.

use std::io::Read;

use super::{MOST, Machine, Object, Read1, Storage, Value, View};

/// The types of numbers: torch's name, ours, and bytes.
const TYPES: &[(&str, &str, usize)] = &[
    ("FloatStorage", "F32", 4),
    ("DoubleStorage", "F64", 8),
    ("HalfStorage", "F16", 2),
    ("BFloat16Storage", "BF16", 2),
    ("LongStorage", "I64", 8),
    ("IntStorage", "I32", 4),
    ("ShortStorage", "I16", 2),
    ("CharStorage", "I8", 1),
    ("ByteStorage", "U8", 1),
    ("BoolStorage", "BOOL", 1),
];

impl<R: Read> Machine<R> {
    /// The whole list of what may be called.
    pub(super) fn call(&mut self, callee: Value, arguments: Value) -> Read1<Value> {
        let Some(Object::Name(module, name)) = self.object(callee) else {
            return Err("it calls something that is not a function".to_owned());
        };
        let first = self.list(arguments).and_then(|arguments| arguments.first()).copied();
        match (module.as_str(), name.as_str()) {
            ("collections", "OrderedDict") => {
                let items = first.and_then(|first| self.list(first)).unwrap_or_default();
                let copied = self.copied.saturating_add(items.len());
                if copied > MOST {
                    return Err("it has more parts than any file of weights".to_owned());
                }
                let pair = |item: &Value| match self.list(*item) {
                    Some(&[key, value]) => Some((key, value)),
                    _ => None,
                };
                let pairs = items.iter().filter_map(pair).collect();
                self.copied = copied;
                self.push(Object::Dict(pairs));
                self.pop()
            }
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                let view = self.view(arguments)?;
                self.push(Object::Tensor(view));
                self.pop()
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") | ("torch", "Size") => {
                first.ok_or_else(|| "a parameter has no tensor".to_owned())
            }
            ("torch", "device") => Ok(Value::Other),
            (module, name) => Err(refusal(module, name)),
        }
    }

    /// An object of a class, whose code would have to be run.
    pub(super) fn refused(&self, code: u8) -> String {
        // `class arguments NEWOBJ`: the class lies below its arguments.
        let below = self.stack.len().checked_sub(if code == 0x92 { 3 } else { 2 });
        match below.and_then(|at| self.object(self.stack[at])) {
            Some(Object::Name(module, name)) => refusal(module, name),
            _ => "it holds objects of classes, whose code is never run".to_owned(),
        }
    }

    /// `('storage', torch.FloatStorage, key, place, count)`.
    pub(super) fn storage(&mut self, id: Value) -> Read1<usize> {
        let wrong = || "it names a storage in a way that is not known".to_owned();
        let Some(&[kind, class, key, _, count, ref rest @ ..]) = self.list(id) else { return Err(wrong()) };
        let Some(Object::Name(module, name)) = self.object(class) else { return Err(wrong()) };
        let found = TYPES.iter().find(|(known, ..)| known == name).filter(|_| module == "torch");
        let Some(&(_, dtype, size)) = found else {
            return Err(format!("it holds numbers of the type `{module}.{name}`, which is not read"));
        };
        let (Some("storage"), Some(key), Value::Int(count)) = (self.text(kind), self.text(key), count) else {
            return Err(wrong());
        };
        if rest.iter().any(|more| *more != Value::Other) {
            return Err("it holds a storage that is part of another, as only old versions of torch wrote it".to_owned());
        }
        let count = usize::try_from(count).map_err(|_| format!("the storage `{key}` has {count} numbers"))?;
        let storage = Storage { key: key.to_owned(), dtype, size, count };
        if let Some(at) = self.keys.get(&storage.key) {
            let same = self.storages[*at] == storage;
            return if same { Ok(*at) } else { Err(format!("the storage `{}` is there in two types", storage.key)) };
        }
        self.keys.insert(storage.key.clone(), self.storages.len());
        self.storages.push(storage);
        Ok(self.storages.len() - 1)
    }

    /// `(storage, offset, shape, strides, ..)`, within its storage.
    fn view(&self, arguments: Value) -> Read1<View> {
        let wrong = || "a tensor is written in a way that is not known".to_owned();
        let Some(&[storage, Value::Int(offset), shape, strides, ..]) = self.list(arguments) else {
            return Err(wrong());
        };
        let Some(&Object::Storage(storage)) = self.object(storage) else { return Err(wrong()) };
        let numbers = |value| -> Option<Vec<usize>> {
            let whole = |item: &Value| if let Value::Int(item) = item { usize::try_from(*item).ok() } else { None };
            self.list(value)?.iter().map(whole).collect()
        };
        let (Some(shape), Some(strides)) = (numbers(shape), numbers(strides)) else { return Err(wrong()) };
        let offset = usize::try_from(offset).map_err(|_| wrong())?;
        if shape.len() != strides.len() || shape.len() > 16 {
            return Err(wrong());
        }
        let count = self.storages[storage].count;
        let beyond = || format!("a tensor of {shape:?} in steps of {strides:?} is not within its {count} numbers");
        let all = shape.iter().try_fold(1_usize, |all, side| all.checked_mul(*side)).ok_or_else(beyond)?;
        let step = |(side, stride): (&usize, &usize)| (side - 1).checked_mul(*stride);
        let extent = if all == 0 {
            Some(0)
        } else {
            shape.iter().zip(&strides).map(step).try_fold(1_usize, |sum, step| sum.checked_add(step?))
        };
        // A tensor that shows numbers several times would be larger than the file by any factor.
        let fits = |extent: &usize| all <= count && offset.checked_add(*extent).is_some_and(|end| end <= count);
        let extent = extent.filter(fits).ok_or_else(beyond)?;
        Ok(View { storage, offset, shape, strides, extent })
    }
}

fn refusal(module: &str, name: &str) -> String {
    format!(
        "it asks for `{module}.{name}` to be called, and no code of a file is ever run: write the tensors alone, with \
         torch.save(model.state_dict(), ..) or as safetensors"
    )
}
