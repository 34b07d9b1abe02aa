//! A regression tree (Breiman et al. 1984): boxes of the space, each with the mean of the trials in it.

/// Rows in a leaf, at least.
const LEAST_ROWS: usize = 2;
/// A split that lowers the squared error of its rows by less is none: that is rounding. Values have deviation 1.
const LEAST_GAIN: f64 = 1e-9;

/// What values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Shares in [0, 1].
    Ordered,
    /// Positions among so many, in no order.
    Items(usize),
}

/// What trees are grown on.
pub(super) struct Data {
    pub(super) axes: Vec<Axis>,
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) values: Vec<f64>,
}

impl Data {
    fn mean(&self, rows: &[usize]) -> f64 {
        rows.iter().map(|row| self.values[*row]).sum::<f64>() / rows.len().max(1) as f64
    }
}

/// Which rows go to the left.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    /// Those below.
    Below(f64),
    /// Those with one of the items that are marked.
    Among(Vec<bool>),
}

impl Rule {
    fn is_left(&self, at: f64) -> bool {
        match self {
            Self::Below(limit) => at < *limit,
            Self::Among(left) => left.get(at as usize).copied().unwrap_or(false),
        }
    }
}

/// One side of a box.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Side {
    /// From, to.
    Range(f64, f64),
    /// The items that are marked.
    Items(Vec<bool>),
}

impl Side {
    fn whole(axis: Axis) -> Self {
        match axis {
            Axis::Ordered => Self::Range(0.0, 1.0),
            Axis::Items(items) => Self::Items(vec![true; items]),
        }
    }

    /// Its share of the axis.
    pub(super) fn share(&self) -> f64 {
        match self {
            Self::Range(from, to) => to - from,
            Self::Items(marks) => marks.iter().filter(|mark| **mark).count() as f64 / marks.len().max(1) as f64,
        }
    }

    /// The part to the left of a rule, and that to the right.
    fn cut(&self, rule: &Rule) -> (Self, Self) {
        match (self, rule) {
            (Self::Range(from, to), Rule::Below(limit)) => (Self::Range(*from, *limit), Self::Range(*limit, *to)),
            (Self::Items(marks), Rule::Among(left)) => {
                let part = |side: bool| marks.iter().zip(left).map(|(mark, left)| *mark && *left == side).collect();
                (Self::Items(part(true)), Self::Items(part(false)))
            }
            _ => (self.clone(), self.clone()),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Leaf(f64),
    /// Its children are `left` and the one after it.
    Inner {
        axis: usize,
        rule: Rule,
        left: usize,
    },
}

/// A tree; the root is the first node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree(Vec<Node>);

impl Tree {
    /// The tree of some rows, which may stand there several times: split where the squared error falls most, as long as it
    /// falls and both parts keep two rows.
    pub(super) fn grow(data: &Data, sample: Vec<usize>) -> Self {
        let mut nodes = vec![Node::Leaf(data.mean(&sample))];
        let mut open = vec![(0, sample)];
        while let Some((at, rows)) = open.pop() {
            let Some((axis, rule)) = best_split(data, &rows) else { continue };
            let (left, right): (Vec<usize>, Vec<usize>) =
                rows.into_iter().partition(|row| rule.is_left(data.rows[*row][axis]));
            let first = nodes.len();
            nodes.push(Node::Leaf(data.mean(&left)));
            nodes.push(Node::Leaf(data.mean(&right)));
            nodes[at] = Node::Inner { axis, rule, left: first };
            open.push((first, left));
            open.push((first + 1, right));
        }
        Self(nodes)
    }

    /// The value at a place.
    pub(super) fn at(&self, place: &[f64]) -> f64 {
        let mut node = 0;
        loop {
            match &self.0[node] {
                Node::Leaf(value) => return *value,
                Node::Inner { axis, rule, left } => node = left + usize::from(!rule.is_left(place[*axis])),
            }
        }
    }

    /// Visits every leaf's box and value, always in the same order.
    pub(super) fn leaves(&self, axes: &[Axis], visit: &mut dyn FnMut(&[Side], f64)) {
        let whole: Vec<Side> = axes.iter().map(|axis| Side::whole(*axis)).collect();
        let mut open = vec![(0, whole)];
        while let Some((at, sides)) = open.pop() {
            match &self.0[at] {
                Node::Leaf(value) => visit(&sides, *value),
                Node::Inner { axis, rule, left } => {
                    let (before, after) = sides[*axis].cut(rule);
                    let mut other = sides.clone();
                    other[*axis] = after;
                    open.push((left + 1, other));
                    let mut one = sides;
                    one[*axis] = before;
                    open.push((*left, one));
                }
            }
        }
    }

    /// Where the tree cuts an ordered axis.
    pub(super) fn cuts(&self, wanted: usize) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(move |node| match node {
            Node::Inner { axis, rule: Rule::Below(limit), .. } if *axis == wanted => Some(*limit),
            _ => None,
        })
    }
}

/// The split that lowers the squared error most; of equal ones the first.
fn best_split(data: &Data, rows: &[usize]) -> Option<(usize, Rule)> {
    if rows.len() < 2 * LEAST_ROWS {
        return None;
    }
    let mut best: Option<(f64, usize, Rule)> = None;
    for (at, axis) in data.axes.iter().enumerate() {
        let found = match axis {
            Axis::Ordered => best_limit(data, rows, at),
            Axis::Items(items) => best_items(data, rows, at, *items),
        };
        if let Some((gain, rule)) = found {
            let least = best.as_ref().map_or(LEAST_GAIN, |(gain, ..)| *gain);
            if gain > least {
                best = Some((gain, at, rule));
            }
        }
    }
    best.map(|(_, axis, rule)| (axis, rule))
}

/// By how much two parts have a smaller squared error than the whole.
fn gain((sum, count): (f64, usize), (whole, rows): (f64, usize)) -> f64 {
    let (rest, others) = (whole - sum, rows - count);
    sum * sum / count as f64 + rest * rest / others as f64 - whole * whole / rows as f64
}

fn is_large_enough(count: usize, rows: usize) -> bool {
    count >= LEAST_ROWS && rows - count >= LEAST_ROWS
}

fn best_limit(data: &Data, rows: &[usize], axis: usize) -> Option<(f64, Rule)> {
    let at = |row: usize| data.rows[row][axis];
    let mut sorted = rows.to_vec();
    sorted.sort_by(|one, other| at(*one).total_cmp(&at(*other)).then(one.cmp(other)));
    let whole: f64 = sorted.iter().map(|row| data.values[*row]).sum();
    let (mut sum, mut best): (f64, Option<(f64, f64)>) = (0.0, None);
    for (count, pair) in (1..).zip(sorted.windows(2)) {
        sum += data.values[pair[0]];
        let (before, after) = (at(pair[0]), at(pair[1]));
        let limit = f64::midpoint(before, after);
        if before < limit && is_large_enough(count, sorted.len()) {
            let gain = gain((sum, count), (whole, sorted.len()));
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, limit));
            }
        }
    }
    best.map(|(gain, limit)| (gain, Rule::Below(limit)))
}

/// Items by their means: no other parts have a smaller squared error than two that such an order gives (Breiman et al. 1984).
fn best_items(data: &Data, rows: &[usize], axis: usize, items: usize) -> Option<(f64, Rule)> {
    let mut sums = vec![(0.0, 0_usize); items];
    for row in rows {
        let sum = &mut sums[data.rows[*row][axis] as usize];
        *sum = (sum.0 + data.values[*row], sum.1 + 1);
    }
    let mean = |item: usize| sums[item].0 / sums[item].1 as f64;
    let mut seen: Vec<usize> = (0..items).filter(|item| sums[*item].1 > 0).collect();
    seen.sort_by(|one, other| mean(*one).total_cmp(&mean(*other)).then(one.cmp(other)));
    let whole = (seen.iter().map(|item| sums[*item].0).sum::<f64>(), rows.len());
    let (mut part, mut best): (_, Option<(f64, usize, usize)>) = ((0.0, 0), None);
    for (taken, item) in (1..seen.len()).zip(&seen) {
        part = (part.0 + sums[*item].0, part.1 + sums[*item].1);
        if is_large_enough(part.1, rows.len()) {
            let gain = gain(part, whole);
            if best.as_ref().is_none_or(|(most, ..)| gain > *most) {
                best = Some((gain, taken, part.1));
            }
        }
    }
    best.map(|(gain, taken, count)| {
        // An item that no row has here goes with the larger part.
        let mut left: Vec<bool> = sums.iter().map(|(_, rows)| *rows == 0 && 2 * count >= whole.1).collect();
        seen[..taken].iter().for_each(|item| left[*item] = true);
        (gain, Rule::Among(left))
    })
}
