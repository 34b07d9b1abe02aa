//! Several objectives at once: which points no other beats.

/// Whether `a` is nowhere worse than `b` and somewhere better; less is better.
fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
}

/// The positions of the points that no other dominates, in their order.
#[must_use]
pub fn front(values: &[&[f64]]) -> Vec<usize> {
    (0..values.len()).filter(|at| !values.iter().any(|other| dominates(other, values[*at]))).collect()
}

/// The front that each point lies on: 0 is dominated by none, 1 by points of front 0 alone, ...
/// (non-dominated sorting, Deb et al. 2002).
#[must_use]
pub fn ranks(values: &[&[f64]]) -> Vec<usize> {
    let mut ranks = vec![usize::MAX; values.len()];
    let mut left: Vec<usize> = (0..values.len()).collect();
    let mut rank = 0;
    while !left.is_empty() {
        let of_left: Vec<&[f64]> = left.iter().map(|at| values[*at]).collect();
        let best = front(&of_left);
        for at in &best {
            ranks[left[*at]] = rank;
        }
        let mut position = 0;
        left.retain(|_| {
            position += 1;
            best.binary_search(&(position - 1)).is_err()
        });
        rank += 1;
    }
    ranks
}

/// Positions by rank, within a rank the loneliest first (crowding distance, Deb et al. 2002), then in their order.
pub(super) fn best_first(values: &[&[f64]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.first().is_some_and(|values| values.len() == 1) {
        order.sort_by(|a, b| values[*a][0].total_cmp(&values[*b][0]));
        return order;
    }
    let ranks = ranks(values);
    let mut crowding = vec![0.0; values.len()];
    for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
        let members: Vec<usize> = order.iter().copied().filter(|at| ranks[*at] == rank).collect();
        crowd(values, &members, &mut crowding);
    }
    order.sort_by(|a, b| ranks[*a].cmp(&ranks[*b]).then(crowding[*b].total_cmp(&crowding[*a])));
    order
}

/// Adds to each member how far its neighbours in each objective are apart; ends are infinitely lonely.
fn crowd(values: &[&[f64]], members: &[usize], crowding: &mut [f64]) {
    let objectives = members.first().map_or(0, |at| values[*at].len());
    (0..objectives).for_each(|objective| crowd_along(&|at| values[at][objective], members, crowding));
}

/// The same for one objective, which is `of` each point.
fn crowd_along(of: &dyn Fn(usize) -> f64, members: &[usize], crowding: &mut [f64]) {
    let mut sorted = members.to_vec();
    sorted.sort_by(|a, b| of(*a).total_cmp(&of(*b)));
    let (Some(first), Some(last)) = (sorted.first().copied(), sorted.last().copied()) else { return };
    let range = of(last) - of(first);
    for near in sorted.windows(3) {
        if range > 0.0 {
            crowding[near[1]] += (of(near[2]) - of(near[0])) / range;
        }
    }
    crowding[first] = f64::INFINITY;
    crowding[last] = f64::INFINITY;
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [&[f64]; 6] = [&[1.0, 5.0], &[2.0, 4.0], &[2.5, 3.9], &[5.0, 1.0], &[3.0, 5.0], &[6.0, 6.0]];

    #[test]
    fn a_front_is_what_nothing_dominates() {
        assert_eq!(front(&VALUES), [0, 1, 2, 3]);
        assert_eq!(ranks(&VALUES), [0, 0, 0, 0, 1, 2]);
        assert_eq!(front(&[&[1.0], &[1.0], &[2.0]]), [0, 1]);
    }

    #[test]
    fn ends_come_first_then_the_loneliest() {
        // Crowding: 1 has (2.5 - 1) / 4 + (5 - 3.9) / 4 = 0.65, 2 has (5 - 2) / 4 + (4 - 1) / 4 = 1.5.
        assert_eq!(best_first(&VALUES), [0, 3, 2, 1, 4, 5]);
        assert_eq!(best_first(&[&[2.0], &[1.0], &[1.0]]), [1, 2, 0]);
        assert!(best_first(&[]).is_empty());
    }
}
