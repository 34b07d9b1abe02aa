//! Who is trained further: asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel
//! Hyperparameter Tuning"), and its simplest rival, one epoch for all and the whole way for the best (Egele et al. 2024,
//! arXiv 2404.04111).

/// The lengths that a trial is trained to, shortest first, and who goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rungs {
    lengths: Vec<u32>,
    keep: Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// The best one in so many of those that have finished a rung, whoever else is under way.
    OneIn(u32),
    /// So many, once all have finished the first rung.
    Best(usize),
}

/// A trial that has finished a rung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RungResult {
    /// Its number.
    pub trial: usize,
    /// The position of the rung.
    pub rung: usize,
    /// The place among all: less is better; NaN is worst.
    pub value: f64,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Train this trial on to the rung.
    Promote {
        /// Its number.
        trial: usize,
        /// The rung that it is to reach.
        rung: usize,
    },
    /// Start a trial at the first rung.
    Start,
    /// Nothing until something under way has finished.
    Wait,
    /// Nothing any more.
    Done,
}

impl Rungs {
    /// Halving from `least` epochs by `factor` up to `most`, the last rung.
    ///
    /// # Panics
    /// If `least` is 0 or `factor` is below 2.
    #[must_use]
    pub fn halving(least: u32, factor: u32, most: u32) -> Self {
        assert!(least > 0 && factor > 1, "{least} {factor}");
        let steps = std::iter::successors(Some(least), |length| length.checked_mul(factor));
        let lengths = steps.take_while(|length| *length < most).chain([most]).collect();
        Self { lengths, keep: Keep::OneIn(factor) }
    }

    /// All for `least` epochs, then the best `keep` to `most`.
    #[must_use]
    pub fn screening(least: u32, keep: usize, most: u32) -> Self {
        let lengths = if least < most { vec![least, most] } else { vec![most] };
        Self { lengths, keep: Keep::Best(keep) }
    }

    /// The epochs of each rung.
    #[must_use]
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// What to do next: the highest promotion that is due, else a new trial while fewer than `trials` were started.
    ///
    /// `finished` in the order of completion; `asked` are the (trial, rung) that were asked for, finished or not.
    #[must_use]
    pub fn next(&self, finished: &[RungResult], asked: &[(usize, usize)], trials: usize) -> Job {
        let started = asked.iter().filter(|(_, rung)| *rung == 0).count();
        for rung in (0..self.lengths.len() - 1).rev() {
            if let Some(trial) = self.due(rung, finished, asked, started >= trials) {
                return Job::Promote { trial, rung: rung + 1 };
            }
        }
        if started < trials {
            return Job::Start;
        }
        let waiting =
            asked.iter().any(|(trial, rung)| !finished.iter().any(|done| (done.trial, done.rung) == (*trial, *rung)));
        if waiting { Job::Wait } else { Job::Done }
    }

    /// The best trial of a rung that is to go on and was not asked to yet.
    fn due(&self, rung: usize, finished: &[RungResult], asked: &[(usize, usize)], all_started: bool) -> Option<usize> {
        let mut here: Vec<&RungResult> = finished.iter().filter(|done| done.rung == rung).collect();
        let whole = all_started && here.len() == asked.iter().filter(|(_, of)| *of == rung).count();
        let keep = match self.keep {
            Keep::OneIn(factor) => here.len() / factor as usize,
            Keep::Best(keep) if whole => keep,
            Keep::Best(_) => 0,
        };
        // NaN sorts last; equal ones by their number, so that the order of completion decides nothing.
        here.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.trial.cmp(&b.trial)));
        here.iter().take(keep).map(|done| done.trial).find(|trial| !asked.contains(&(*trial, rung + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs jobs one after another; a trial's value at every rung is `value`.
    fn all(rungs: &Rungs, trials: usize, value: impl Fn(usize) -> f64) -> Vec<(usize, usize)> {
        let (mut finished, mut asked) = (Vec::new(), Vec::new());
        loop {
            let (trial, rung) = match rungs.next(&finished, &asked, trials) {
                Job::Promote { trial, rung } => (trial, rung),
                Job::Start => (asked.iter().filter(|(_, rung)| *rung == 0).count(), 0),
                Job::Wait => panic!("nothing is under way"),
                Job::Done => return asked,
            };
            asked.push((trial, rung));
            finished.push(RungResult { trial, rung, value: value(trial) });
        }
    }

    #[test]
    fn rungs_grow_by_the_factor_and_end_at_the_whole() {
        assert_eq!(Rungs::halving(1, 3, 9).lengths(), [1, 3, 9]);
        assert_eq!(Rungs::halving(1, 3, 10).lengths(), [1, 3, 9, 10]);
        assert_eq!(Rungs::halving(4, 2, 3).lengths(), [3]);
        assert_eq!(Rungs::screening(1, 3, 9).lengths(), [1, 9]);
    }

    #[test]
    fn a_third_goes_on_and_the_best_gets_to_the_end() {
        let asked = all(&Rungs::halving(1, 3, 9), 9, |trial| (trial as f64 - 4.0).abs());
        let at = |rung| asked.iter().filter(move |(_, of)| *of == rung).map(|(trial, _)| *trial);
        assert_eq!(
            (at(0).count(), at(1).count(), at(2).count()),
            (9, 4, 1),
            "one too early is promoted as in the paper"
        );
        assert!(at(2).all(|trial| trial == 4), "{asked:?}");
    }

    #[test]
    fn screening_waits_for_all() {
        let asked = all(&Rungs::screening(1, 2, 9), 6, |trial| -(trial as f64));
        assert_eq!(asked[6..], [(5, 1), (4, 1)]);
        let rungs = Rungs::screening(1, 2, 9);
        let one = [RungResult { trial: 0, rung: 0, value: 1.0 }];
        assert_eq!(rungs.next(&one, &[(0, 0), (1, 0)], 2), Job::Wait);
    }

    #[test]
    fn what_is_no_number_never_goes_on_before_a_number() {
        let value = |trial| if trial == 0 { f64::NAN } else { 5.0 - trial as f64 };
        let asked = all(&Rungs::halving(1, 2, 2), 4, value);
        assert!(!asked.contains(&(0, 1)), "{asked:?}");
    }

    #[test]
    fn one_rung_is_a_plain_list_of_trials() {
        assert_eq!(all(&Rungs::halving(9, 3, 9), 3, |_| 0.0), [(0, 0), (1, 0), (2, 0)]);
    }
}
