//! Pickles, as far as files of weights need them: a pickle is a program for a stack machine, and what may be called in it
//! stands in [`Machine::call`]. All else is refused by its name; nothing is ever imported or run.
//!
//! Values lie in one list and are known by their number, so no nesting and no cycle costs stack. Whatever a pickle says is
//! read with bounds: a count, a length or a depth beyond them is an error.

mod calls;
mod reading;

use std::collections::BTreeMap;
use std::io::Read;

/// Objects, entries of the stack and memos of one pickle: the largest networks have some ten thousand tensors.
const MOST: usize = 4_000_000;
/// Instructions of all pickles of a file, each of which makes at most one value.
const MOST_STEPS: usize = 32_000_000;

/// A value on the stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Bool(bool),
    /// Nothing, or what no tensor needs: numbers with a point, bytes, integers beyond 64 bits.
    Other,
    /// The number of an [`Object`].
    Object(usize),
}

/// A value that has parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    Text(String),
    /// A tuple or a list.
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Something of a module: `torch`, `FloatStorage`.
    Name(String, String),
    /// The number of a storage.
    Storage(usize),
    Tensor(View),
}

/// A row of numbers in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// What the file knows it by.
    pub(super) key: String,
    /// As safetensors names it: `F32`.
    pub(super) dtype: &'static str,
    /// Bytes of one number.
    pub(super) size: usize,
    /// How many numbers.
    pub(super) count: usize,
}

/// A tensor: numbers of a storage, in steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// The number of its storage.
    pub(super) storage: usize,
    /// Its first number there.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Numbers from one to the next, by side.
    pub(super) strides: Vec<usize>,
    /// Numbers from its first to behind its last.
    pub(super) extent: usize,
}

/// A machine that reads pickles one behind the other.
#[derive(Debug)]
pub(super) struct Machine<R> {
    input: R,
    pub(super) objects: Vec<Object>,
    /// Those of tensors, by their number.
    pub(super) storages: Vec<Storage>,
    /// The number of each storage by its key.
    keys: BTreeMap<String, usize>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: BTreeMap<u64, Value>,
    /// Instructions so far.
    steps: usize,
    /// Items that were copied out of lists so far: a list may be copied as often as it is recalled.
    copied: usize,
}

type Read1<T> = Result<T, String>;

fn short() -> String {
    "it is cut short".to_owned()
}

impl<R: Read> Machine<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            objects: Vec::new(),
            storages: Vec::new(),
            keys: BTreeMap::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            steps: 0,
            copied: 0,
        }
    }

    /// What is read from, behind the last pickle.
    pub(super) const fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// The value of the next pickle.
    pub(super) fn load(&mut self) -> Read1<Value> {
        (self.stack, self.marks, self.memo) = (Vec::new(), Vec::new(), BTreeMap::new());
        loop {
            let [code] = self.bytes()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
            self.steps += 1;
            let most = [self.objects.len(), self.stack.len(), self.memo.len(), self.marks.len()];
            if most.into_iter().any(|count| count > MOST) || self.steps > MOST_STEPS {
                return Err("it has more parts than any file of weights".to_owned());
            }
        }
    }

    /// The text that a value is.
    pub(super) fn text(&self, value: Value) -> Option<&str> {
        match self.object(value)? {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn object(&self, value: Value) -> Option<&Object> {
        if let Value::Object(at) = value { self.objects.get(at) } else { None }
    }

    /// The parts of a tuple or list.
    pub(super) fn list(&self, value: Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::List(items) => Some(items),
            _ => None,
        }
    }

    fn step(&mut self, code: u8) -> Read1<()> {
        match code {
            // PROTO, FRAME.
            0x80 => {
                self.bytes::<1>()?;
            }
            0x95 => {
                self.bytes::<8>()?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'1' => drop(self.above_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'N' => self.stack.push(Value::Other),
            0x88 | 0x89 => self.stack.push(Value::Bool(code == 0x88)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(code)?,
            b'X' | 0x8c | 0x8d | b'T' | b'U' | b'B' | b'C' | 0x8e => self.characters(code)?,
            b')' | b']' | b'}' | b't' | b'l' | b'd' | 0x85..=0x87 | b'a' | b'e' | b's' | b'u' => self.build(code)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(code)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Name(module, name));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |value| self.text(value).map(str::to_owned).ok_or_else(|| "a name is not a text".to_owned());
                let name = Object::Name(text(module)?, text(name)?);
                self.push(name);
            }
            b'R' => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let value = self.call(callee, arguments)?;
                self.stack.push(value);
            }
            // What an ordered dictionary has beside its items, such as the versions of its modules.
            b'b' => {
                self.pop()?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Object::Storage(storage));
            }
            0x81 | 0x92 | b'o' | b'i' => return Err(self.refused(code)),
            other => return Err(format!("it holds the instruction {other:#04x}, which no file of weights needs")),
        }
        Ok(())
    }

    /// Makes and fills lists, tuples and dictionaries.
    fn build(&mut self, code: u8) -> Read1<()> {
        match code {
            b')' | b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b't' | b'l' => {
                let items = self.above_mark()?;
                self.push(Object::List(items));
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let begin = self.stack.len().checked_sub(count).ok_or_else(short)?;
                let items = self.stack.split_off(begin);
                self.push(Object::List(items));
            }
            b'd' => {
                let items = self.above_mark()?;
                self.push(Object::Dict(pairs(&items)));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.above_mark()?;
                self.append(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.above_mark()?;
                self.set(&items)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn remember(&mut self, code: u8) -> Read1<()> {
        let at = match code {
            b'q' | b'h' => self.bytes::<1>()?[0].into(),
            0x94 => self.memo.len() as u64,
            _ => u32::from_le_bytes(self.bytes()?).into(),
        };
        if matches!(code, b'h' | b'j') {
            let value = self.memo.get(&at).copied().ok_or_else(|| format!("it recalls what was never there, {at}"))?;
            self.stack.push(value);
        } else {
            self.memo.insert(at, self.top()?);
        }
        Ok(())
    }

    fn push(&mut self, object: Object) {
        self.stack.push(Value::Object(self.objects.len()));
        self.objects.push(object);
    }

    fn pop(&mut self) -> Read1<Value> {
        self.stack.pop().ok_or_else(|| "its instructions take more than there is".to_owned())
    }

    fn top(&self) -> Read1<Value> {
        self.stack.last().copied().ok_or_else(|| "its instructions take more than there is".to_owned())
    }

    fn above_mark(&mut self) -> Read1<Vec<Value>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or_else(|| "its instructions take more than there is".to_owned())
    }

    fn append(&mut self, more: &[Value]) -> Read1<()> {
        let Value::Object(at) = self.top()? else {
            return Err("it appends to something that is not a list".to_owned());
        };
        match &mut self.objects[at] {
            Object::List(items) => items.extend(more),
            _ => return Err("it appends to something that is not a list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, more: &[Value]) -> Read1<()> {
        let Value::Object(at) = self.top()? else {
            return Err("it puts items into something that is not a dictionary".to_owned());
        };
        match &mut self.objects[at] {
            Object::Dict(items) => items.extend(pairs(more)),
            _ => return Err("it puts items into something that is not a dictionary".to_owned()),
        }
        Ok(())
    }
}

/// Keys and values that alternate.
fn pairs(items: &[Value]) -> Vec<(Value, Value)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}
