//! What days come to, compared with as many days before, and what accounts come to together.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;
use shared::media::days::{Day, plus};
use utoipa::ToSchema;

use crate::series::{LEVELS, Series};
use crate::time::Span;

/// A metric's figure of the days, and of as many days before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Total {
    /// The sum of the days of which it is known; of `followers`, `following` and `media` the last that is known. `null`: no
    /// day is known.
    #[schema(example = 31450)]
    value: Option<u64>,
    /// Of how many days it is known: of several accounts, the sum of theirs.
    #[schema(example = 28)]
    days: u32,
    /// The same of as many days before.
    #[schema(example = 29870)]
    previous: Option<u64>,
    /// Of how many of the days before it is known.
    #[schema(example = 28)]
    previous_days: u32,
    /// (now − then) ÷ then, over those days alone that are known of an account in both times: its first day beside the first of
    /// the days before, and so on. `null` where there is no such day, or then was zero.
    #[schema(example = 0.052896)]
    change: Option<f64>,
    /// How many days `change` is over.
    #[schema(example = 28)]
    compared_days: u32,
}

/// What becomes a [`Total`], as long as more accounts may be added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    value: Option<u64>,
    days: u32,
    previous: Option<u64>,
    previous_days: u32,
    /// What the days come to that are known in both times: now, and then.
    compared: (u64, u64),
    compared_days: u32,
}

impl Sum {
    /// What an account's days of a span come to, and the `earlier` ones before it.
    pub(crate) fn of(days: &[Day], earlier: &[Day], span: Span, metric: &str) -> Self {
        let known = |days: &[Day]| -> BTreeMap<Date, u64> {
            let known = days.iter();
            known
                .filter_map(|day| Some((day.day, day.figure(metric)?)))
                .collect()
        };
        let (now, then) = (known(days), known(earlier));
        let in_both: Vec<(u64, u64)> = now
            .iter()
            .filter_map(|(day, figure)| {
                let before = plus(*day, -span.days());
                Some((*figure, *then.get(&before)?))
            })
            .collect();
        let compared = match LEVELS.contains(&metric) {
            true => in_both.last().copied().unwrap_or_default(),
            false => in_both.iter().fold((0, 0), |sum: (u64, u64), pair| {
                (sum.0.saturating_add(pair.0), sum.1.saturating_add(pair.1))
            }),
        };
        Self {
            value: all_of(metric, &now),
            days: count(now.len()),
            previous: all_of(metric, &then),
            previous_days: count(then.len()),
            compared,
            compared_days: count(in_both.len()),
        }
    }

    /// Adds what another account's days come to.
    pub(crate) fn add(&mut self, other: &Self) {
        self.value = added(self.value, other.value);
        self.days += other.days;
        self.previous = added(self.previous, other.previous);
        self.previous_days += other.previous_days;
        self.compared.0 = self.compared.0.saturating_add(other.compared.0);
        self.compared.1 = self.compared.1.saturating_add(other.compared.1);
        self.compared_days += other.compared_days;
    }

    pub(crate) fn total(&self) -> Total {
        let (now, then) = self.compared;
        let change = (self.compared_days > 0 && then > 0).then(|| {
            let change = (now as f64 - then as f64) / then as f64;
            (change * 1_000_000.0).round() / 1_000_000.0
        });
        Total {
            value: self.value,
            days: self.days,
            previous: self.previous,
            previous_days: self.previous_days,
            change,
            compared_days: self.compared_days,
        }
    }
}

/// Adds an account's series to the sum of others. Of what is counted by day, what is known is added. A level counts only where
/// it is known of each account of which any day is: from the first such day on, where no figure is, the last one holds.
pub(crate) fn add_series(sum: &mut Vec<Series>, mut other: Vec<Series>) {
    for series in other.iter_mut().filter(|series| is_level(series)) {
        carry_forward(series);
    }
    if sum.is_empty() {
        *sum = other;
        return;
    }
    for (sum, other) in sum.iter_mut().zip(other) {
        match is_level(sum) {
            true => add_level(sum, other),
            false => {
                for (point, other) in sum.points.iter_mut().zip(&other.points) {
                    point.value = added(point.value, other.value);
                    point.days = point.days.max(other.days);
                }
            }
        }
    }
}

fn add_level(sum: &mut Series, other: Series) {
    let is_known = |series: &Series| series.points.iter().any(|point| point.value.is_some());
    if !is_known(&other) {
        return;
    }
    if !is_known(sum) {
        *sum = other;
        return;
    }
    for (point, other) in sum.points.iter_mut().zip(&other.points) {
        let known = point.value.zip(other.value);
        point.value = known.map(|(one, two)| one.saturating_add(two));
        point.days = point.days.min(other.days);
    }
}

fn is_level(series: &Series) -> bool {
    LEVELS.contains(&series.metric.as_str())
}

fn carry_forward(series: &mut Series) {
    let mut last = None;
    for point in &mut series.points {
        last = point.value.or(last);
        point.value = last;
    }
}

/// The sum of what is known; of a level, the last.
fn all_of(metric: &str, known: &BTreeMap<Date, u64>) -> Option<u64> {
    if LEVELS.contains(&metric) {
        return known.values().next_back().copied();
    }
    let sum = known
        .values()
        .fold(0, |sum: u64, figure| sum.saturating_add(*figure));
    (!known.is_empty()).then_some(sum)
}

fn added(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

fn count(days: usize) -> u32 {
    u32::try_from(days).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::series_of;
    use crate::time::Granularity;

    /// Days from a first one on: followers and reach of each.
    fn days(first: &str, figures: &[(Option<u64>, Option<u64>)]) -> Vec<Day> {
        let first: Date = first.parse().expect("a day");
        let days = figures.iter().zip(0..);
        days.map(|((followers, reach), number)| Day {
            day: plus(first, number),
            followers: *followers,
            figures: reach
                .iter()
                .map(|reach| ("reach".to_owned(), *reach))
                .collect(),
            ..Day::default()
        })
        .collect()
    }

    fn span() -> Span {
        Span {
            since: "2026-11-17".parse().expect("a day"),
            until: "2026-11-20".parse().expect("a day"),
        }
    }

    fn total(
        value: Option<u64>,
        previous: Option<u64>,
        change: Option<f64>,
        of: [u32; 3],
    ) -> Total {
        Total {
            value,
            days: of[0],
            previous,
            previous_days: of[1],
            change,
            compared_days: of[2],
        }
    }

    /// Four days, of which the first was not known before; the last one is not known now.
    fn old_account() -> (Vec<Day>, Vec<Day>) {
        let now = [
            (Some(110), Some(30)),
            (Some(111), Some(40)),
            (Some(115), Some(50)),
            (None, None),
        ];
        let then = [
            (None, None),
            (Some(100), Some(20)),
            (Some(102), Some(25)),
            (Some(104), Some(90)),
        ];
        (days("2026-11-17", &now), days("2026-11-13", &then))
    }

    #[test]
    fn a_change_is_over_the_days_that_are_known_in_both_times() {
        let (now, then) = old_account();
        let sum = |metric| Sum::of(&now, &then, span(), metric);
        // 40 and 50, where 20 and 25 were; 30 and 90 have nothing beside them.
        assert_eq!(
            sum("reach").total(),
            total(Some(120), Some(135), Some(1.0), [3, 3, 2])
        );
        // 115 followers four days after 102.
        assert_eq!(
            sum("followers").total(),
            total(Some(115), Some(104), Some(0.127451), [3, 3, 2])
        );
        assert_eq!(sum("views").total(), Total::default());
        let nothing_before = Sum::of(&now, &[], span(), "reach").total();
        assert_eq!(nothing_before, total(Some(120), None, None, [3, 0, 0]));
        let zero = days("2026-11-13", &[(Some(0), Some(0))]);
        let from_zero = Sum::of(&now, &zero, span(), "reach").total();
        assert_eq!(from_zero, total(Some(120), Some(0), None, [3, 1, 1]));
    }

    #[test]
    fn an_account_that_was_connected_just_now_changes_no_change() {
        let (now, then) = old_account();
        let new = [(Some(9_000), Some(700)), (Some(9_001), Some(800))];
        let new = days("2026-11-19", &new);
        for (metric, expected) in [
            ("reach", total(Some(1_620), Some(135), Some(1.0), [5, 3, 2])),
            (
                "followers",
                total(Some(9_116), Some(104), Some(0.127451), [5, 3, 2]),
            ),
        ] {
            let mut sum = Sum::default();
            sum.add(&Sum::of(&now, &then, span(), metric));
            sum.add(&Sum::of(&new, &[], span(), metric));
            sum.add(&Sum::default());
            assert_eq!(sum.total(), expected, "{metric}");
        }
    }

    #[test]
    fn levels_are_put_together_where_all_accounts_are_known() {
        let (old, _) = old_account();
        let new = days("2026-11-18", &[(Some(9_000), Some(700)), (None, None)]);
        let never_synced = Vec::new();
        let mut sum = Vec::new();
        for of_account in [&never_synced, &old, &new, &never_synced] {
            let own = series_of(
                of_account,
                span(),
                Granularity::Day,
                &["followers", "reach"],
            );
            add_series(&mut sum, own);
        }
        let points = |series: &Series| -> Vec<(Option<u64>, u32)> {
            let points = series.points.iter();
            points.map(|point| (point.value, point.days)).collect()
        };
        // 111, 115 and again 115 beside 9,000, which holds from its first day on.
        assert_eq!(
            points(&sum[0]),
            [
                (None, 0),
                (Some(9_111), 1),
                (Some(9_115), 0),
                (Some(9_115), 0)
            ]
        );
        assert_eq!(
            points(&sum[1]),
            [(Some(30), 1), (Some(740), 1), (Some(50), 1), (None, 0)]
        );
    }
}
