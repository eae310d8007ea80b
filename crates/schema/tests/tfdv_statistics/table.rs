//! Ported rows of TFDV's parameterised tests of histograms and bins, by their ids.

use driftline_statistics::features::{
    histogram::{FiniteRange, bin_places, standard_histogram},
    quantiles::Cuts,
};

const INF: f64 = f64::INFINITY;
const NEG_INF: f64 = f64::NEG_INFINITY;

struct Widths {
    id: &'static str,
    cuts: &'static [f64],
    cumulative: &'static [f64],
    range: (f64, f64),
    buckets: usize,
    infinities: f64,
    expected: &'static [(f64, f64, f64)],
}

const WIDTHS: &[Widths] = &[
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_all_inf:p",
        cuts: &[NEG_INF, INF],
        cumulative: &[1.0, 5.0],
        range: (NEG_INF, INF),
        buckets: 99,
        infinities: 0.5,
        expected: &[(NEG_INF, INF, 5.0)],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_finite_values_integer_boundaries:p",
        cuts: &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
        cumulative: &[2.0, 5.0, 7.0, 10.0, 12.0, 15.0],
        range: (1.0, 7.0),
        buckets: 2,
        infinities: 0.0,
        expected: &[(1.0, 4.0, 10.0), (4.0, 7.0, 5.0)],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_finite_values_one_bucket:p",
        cuts: &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
        cumulative: &[2.0, 5.0, 7.0, 10.0, 12.0, 15.0],
        range: (1.0, 7.0),
        buckets: 1,
        infinities: 0.0,
        expected: &[(1.0, 7.0, 15.0)],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_leading_and_trailing_inf:p",
        cuts: &[NEG_INF, 1.0, 2.0, 3.0, INF],
        cumulative: &[3.0, 5.0, 6.0, 7.0, 8.0],
        range: (1.0, 4.0),
        buckets: 2,
        infinities: 0.5,
        expected: &[
            (NEG_INF, NEG_INF, 3.0),
            (1.0, 2.5, 3.5),
            (2.5, 4.0, 1.0),
            (INF, INF, 0.5),
        ],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_leading_negative_inf:p",
        cuts: &[NEG_INF, NEG_INF, 1.0, 2.0, 3.0],
        cumulative: &[5.0, 7.0, 10.0, 12.0, 15.0],
        range: (1.0, 3.0),
        buckets: 4,
        infinities: 0.0,
        expected: &[
            (NEG_INF, NEG_INF, 7.0),
            (1.0, 1.5, 2.5),
            (1.5, 2.0, 2.5),
            (2.0, 2.5, 1.5),
            (2.5, 3.0, 1.5),
        ],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_single_finite_between_inf:p",
        cuts: &[NEG_INF, 1.0, INF],
        cumulative: &[3.0, 5.0, 9.0],
        range: (1.0, 1.0),
        buckets: 99,
        infinities: 4.0,
        expected: &[(NEG_INF, NEG_INF, 3.0), (1.0, 1.0, 2.0), (INF, INF, 4.0)],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_single_finite_value:p",
        cuts: &[5.0, 5.0, 5.0, 5.0, 5.0],
        cumulative: &[3.0, 3.0, 3.0, 3.0, 3.0],
        range: (5.0, 5.0),
        buckets: 1,
        infinities: 0.0,
        expected: &[(5.0, 5.0, 3.0)],
    },
    Widths {
        id: "tensorflow_data_validation/utils/quantiles_util_test.py:GenerateEquiWidthBucketsTest.test_generate_equi_width_buckets_trailing_inf:p",
        cuts: &[1.0, 2.0, 3.0, INF, INF],
        cumulative: &[3.0, 5.0, 6.0, 7.0, 8.0],
        range: (1.0, 4.0),
        buckets: 2,
        infinities: 0.5,
        expected: &[(1.0, 2.5, 5.5), (2.5, 4.0, 2.0), (INF, INF, 0.5)],
    },
];

#[test]
fn bins_of_equal_width_are_tfdvs() {
    for case in WIDTHS {
        let cuts = Cuts {
            values: case.cuts.to_vec(),
            cumulative: case.cumulative.to_vec(),
        };
        let range = FiniteRange {
            min: case.range.0,
            max: case.range.1,
            positive_infinities: case.infinities,
        };
        let histogram = standard_histogram(&cuts, range, case.buckets);
        let buckets = histogram.buckets.iter();
        let found: Vec<_> = buckets.map(|b| (b.low, b.high, b.weight)).collect();
        assert_eq!(found, case.expected, "{}", case.id);
        eprintln!("passed {}", case.id);
    }
}

struct Bins {
    id: &'static str,
    values: &'static [Option<f64>],
    boundaries: &'static [f64],
    places: &'static [usize],
    bins: &'static [usize],
}

const BINS: &[Bins] = &[
    Bins {
        id: "tensorflow_data_validation/utils/bin_util_test.py:BinArrayTest.test_bin_array_inf_values:p",
        values: &[Some(NEG_INF), Some(0.5), Some(INF)],
        boundaries: &[0.25, 0.75],
        places: &[0, 1, 2],
        bins: &[0, 1, 2],
    },
    Bins {
        id: "tensorflow_data_validation/utils/bin_util_test.py:BinArrayTest.test_bin_array_nan_values:p",
        values: &[Some(f64::NAN), Some(0.5)],
        boundaries: &[0.25, 0.75],
        places: &[1],
        bins: &[1],
    },
    Bins {
        id: "tensorflow_data_validation/utils/bin_util_test.py:BinArrayTest.test_bin_array_negative_values:p",
        values: &[Some(-0.8), Some(-0.5), Some(-0.1)],
        boundaries: &[0.25],
        places: &[0, 1, 2],
        bins: &[0, 0, 0],
    },
    Bins {
        id: "tensorflow_data_validation/utils/bin_util_test.py:BinArrayTest.test_bin_array_null_array:p",
        values: &[None, None],
        boundaries: &[0.25],
        places: &[],
        bins: &[],
    },
];

#[test]
fn values_fall_into_tfdvs_bins() {
    for case in BINS {
        let found = bin_places(case.values.iter().copied(), case.boundaries);
        let (places, bins): (Vec<usize>, Vec<usize>) = found.into_iter().unzip();
        assert_eq!(
            (places.as_slice(), bins.as_slice()),
            (case.places, case.bins),
            "{}",
            case.id
        );
        eprintln!("passed {}", case.id);
    }
}
