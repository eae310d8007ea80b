//! What is said of terms, and how often.

use super::{
    Term, TermClass, TermFinder, TermSeries, Tier,
    candidate::Candidate,
    window::{Key, Sightings, Window},
};
use crate::{contrast, lexicon};
use driftline_statistics::ngrams::source_count;

/// A term that was reported is reported again once its rate is so many times that of then.
const REPEATED_RISE: f64 = 2.0;

/// A term that was reported.
#[derive(Debug)]
pub(super) struct Reported {
    hash: u64,
    /// Hashes of its units.
    units: Vec<u64>,
    tier: Tier,
    /// Number of the window of the last change of tier.
    at: usize,
    confirmed: bool,
    /// Documents a unit in that window, or the latest in which they had doubled.
    rate: f64,
    pub(super) series: TermSeries,
}

impl Reported {
    /// Continues the series by a window.
    pub(super) fn extend(&mut self, window: &Window) {
        let ngram = window.find(Key {
            hash: self.hash,
            units: &self.units,
        });
        let documents = ngram.map_or(0, |ngram| ngram.documents());
        self.series.documents.push(documents);
    }
}

impl TermFinder<'_> {
    /// The terms whose tier changes: coinages, names, surges; the best of each first.
    pub(super) fn report(&mut self, candidates: Vec<Candidate>) -> Vec<Term> {
        let now = self.observed - 1;
        let units = self.spans.units(1).max(1) as f64;
        let mut terms = Vec::new();
        for candidate in candidates {
            let track = self.tracks.find(candidate.hash);
            let newest = track.and_then(|track| self.tracks.newest_first(track).next());
            let rate = newest.map_or(0.0, |seen| f64::from(seen.documents()) / units);
            let mut tier = if candidate.best.ln_bayes_factor >= self.config.alarm {
                Tier::Alarm
            } else {
                Tier::Watch
            };
            match self.reported.get_mut(&candidate.text) {
                Some(known) if now < known.at + self.config.refractory => {
                    if known.tier == Tier::Watch && tier == Tier::Alarm {
                        (known.tier, known.at, known.rate) = (Tier::Alarm, now, rate);
                    } else if known.tier == Tier::Alarm
                        && tier == Tier::Alarm
                        && !known.confirmed
                        && now >= known.at + self.config.confirm_after
                    {
                        known.confirmed = true;
                        tier = Tier::Confirmed;
                    } else if tier == Tier::Alarm && rate >= REPEATED_RISE * known.rate {
                        known.rate = rate;
                    } else {
                        continue;
                    }
                }
                Some(known) => {
                    (known.tier, known.at, known.confirmed) = (tier, now, false);
                    known.rate = rate;
                }
                None => {
                    let reported = Reported {
                        hash: candidate.hash,
                        units: candidate.units.clone(),
                        tier,
                        at: now,
                        confirmed: false,
                        rate,
                        series: self.series_so_far(&candidate),
                    };
                    self.reported.insert(candidate.text.clone(), reported);
                }
            }
            terms.push(self.term(candidate, tier));
        }
        terms.sort_by(|a, b| {
            let by_class = a.class.cmp(&b.class);
            by_class
                .then_with(|| b.score.total_cmp(&a.score))
                .then_with(|| a.text.cmp(&b.text))
        });
        terms
    }

    fn class(&self, candidate: &Candidate) -> TermClass {
        let folds = self.baseline.folds_with(candidate.hash).count_ones();
        let is_known = lexicon::is_known(&candidate.text);
        let is_name = match is_known {
            true => lexicon::is_known_name(&candidate.text) == Some(true),
            false => match &candidate.nature {
                Some(nature) => nature.name >= self.config.name_from,
                None => lexicon::has_the_form_of_a_name(&candidate.text),
            },
        };
        if is_name {
            TermClass::Entity
        } else if is_known || folds >= self.config.established_folds {
            TermClass::Surge
        } else {
            TermClass::Coinage
        }
    }

    fn series_so_far(&self, candidate: &Candidate) -> TermSeries {
        let track = self.tracks.find(candidate.hash);
        let mut documents: Vec<u32> = track
            .map(|track| self.tracks.newest_first(track))
            .map(|seen| seen.map(Sightings::documents).collect())
            .unwrap_or_default();
        documents.reverse();
        TermSeries {
            start: self.spans.start(documents.len()).unwrap_or(0),
            documents,
        }
    }

    fn term(&self, candidate: Candidate, tier: Tier) -> Term {
        let (first_seen, first_seen_fold) = candidate.spread.first.unwrap_or_default();
        let best = candidate.best;
        let (mut count, mut documents) = (0, 0);
        for window in self.lookback.windows.iter().rev().take(best.horizon) {
            if let Some(ngram) = window.find(candidate.key()) {
                count += u64::from(ngram.count());
                documents += u64::from(ngram.documents());
            }
        }
        let class = self.class(&candidate);
        let likeness = match (class, &candidate.nature) {
            (TermClass::Coinage, Some(nature)) => nature.new_word,
            _ => 1.0,
        };
        Term {
            class,
            tier,
            window_start: self
                .lookback
                .windows
                .back()
                .map_or(0, |window| window.start),
            first_seen,
            first_seen_fold,
            horizon: best.horizon,
            count,
            documents,
            units: best.live.units as u64,
            baseline_documents: candidate.before.count as u32,
            baseline_exact: candidate.baseline_exact,
            baseline_units: self.baseline.units(),
            ln_bayes_factor: best.ln_bayes_factor,
            rate_ratio_lower: contrast::rate_ratio_lower(best.live, candidate.before),
            cohesion: candidate.cohesion,
            left_entropy: candidate.entropy[0],
            right_entropy: candidate.entropy[1],
            days: best.live.count as u32,
            top_day_share: f64::from(candidate.spread.top_day)
                / f64::from(candidate.documents.max(1)),
            sources: source_count(candidate.spread.sources),
            score: likeness * best.ln_bayes_factor,
            nature: candidate.nature,
            text: candidate.text,
        }
    }
}
