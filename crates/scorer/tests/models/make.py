"""Makes the small models of the scorer's tests, with the outputs onnxruntime gives.

Every model is trained or drawn from a fixed seed on made-up data, so nothing here is
anybody's. `M.expected.json` holds some rows and what onnxruntime says of them.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make.py
"""

import json
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as MltoolsFloat
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, OneClassSVM

HERE = Path(__file__).parent
ROWS = 10
random = np.random.default_rng(7)
X = random.normal(size=(400, 4)).astype(np.float32)
SCORE = X[:, 0] + 0.5 * X[:, 1] * X[:, 2] + 0.3 * random.normal(size=400)
TWO = (SCORE > 0).astype(np.int64)
THREE = np.digitize(SCORE, [-0.5, 0.5])
NAMES = np.array(["low", "middle", "high"])[THREE]
OPSET = {"": 17, "ai.onnx.ml": 3}


def numbers(array):
    array = np.asarray(array)
    values = [None if np.isnan(v) else float(v) for v in array.astype(np.float64).ravel()]
    return {"shape": list(array.shape), "values": values}


def save(name, model, inputs, outputs=None, tolerance=None, check=True):
    """Writes a model, and what onnxruntime makes of these inputs."""
    path = HERE / f"{name}.onnx"
    onnx.save(model, path)
    if not check:
        return
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = [output.name for output in session.get_outputs()]
    given = dict(zip(wanted, session.run(wanted, inputs), strict=True))
    kept = {}
    for output, value in given.items():
        if isinstance(value, list):  # A list of maps, as a closing ZipMap makes it.
            value = np.array([list(row.values()) for row in value], dtype=np.float32)
        if value.dtype.kind not in "OUS" and (outputs is None or output in outputs):
            kept[output] = numbers(value)
    expected = {
        "format_version": 1,
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "inputs": {key: numbers(value) for key, value in inputs.items()},
        "outputs": kept,
    }
    if tolerance:
        expected["tolerance"] = tolerance
    text = json.dumps(expected)
    (HERE / f"{name}.expected.json").write_text(text + "\n")


def scikit_learn():
    x = X[:ROWS]
    floats = [("features", FloatTensorType([None, 4]))]

    def convert(name, model, **options):
        save(name, to_onnx(model, initial_types=floats, target_opset=OPSET, **options), {"features": x})

    convert("logistic-scaled", make_pipeline(StandardScaler(), LogisticRegression()).fit(X, TWO))
    convert("logistic-names", LogisticRegression().fit(X, NAMES))
    convert("forest-two", RandomForestClassifier(5, max_depth=4, random_state=1).fit(X, TWO))
    convert("forest-names", RandomForestClassifier(5, max_depth=4, random_state=1).fit(X, NAMES))
    convert("boosted-two", GradientBoostingClassifier(n_estimators=8, random_state=1).fit(X, TWO))
    convert("boosted-three", GradientBoostingClassifier(n_estimators=5, random_state=1).fit(X, THREE + 5))
    convert("forest-number", RandomForestRegressor(5, max_depth=4, random_state=1).fit(X, SCORE))
    convert("forest-numbers", RandomForestRegressor(4, max_depth=3, random_state=1).fit(X, np.c_[SCORE, -SCORE]))
    convert("boosted-number", GradientBoostingRegressor(n_estimators=8, random_state=1).fit(X, SCORE))
    convert("linear-number", LinearRegression().fit(X, SCORE))
    convert("svr-rbf", SVR(C=0.5).fit(X[:60], SCORE[:60]))
    convert("svr-poly", SVR(kernel="poly", degree=2, coef0=1.0).fit(X[:60], SCORE[:60]))
    convert("one-class", OneClassSVM(nu=0.4, gamma=0.5).fit(X[:60]))
    convert("perceptron", MLPClassifier((6,), max_iter=60, random_state=1).fit(X, THREE))
    convert("binarized", make_pipeline(Binarizer(threshold=0.2), Normalizer(), LogisticRegression()).fit(X, TWO))
    save(
        "linear-double",
        to_onnx(LinearRegression().fit(X.astype(np.float64), SCORE),
                initial_types=[("features", DoubleTensorType([None, 4]))], target_opset=OPSET),
        {"features": x.astype(np.float64)},
    )
    # Missing numbers and whole-number categories, each its own input.
    holes = np.where(random.random(X.shape) < 0.2, np.nan, X)[:, :2].astype(np.float32)
    kinds = random.integers(0, 4, size=(400, 1)).astype(np.int64)
    grades = random.integers(1, 6, size=(400, 1)).astype(np.int64)
    table = np.c_[holes, kinds, grades]
    columns = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="mean"), StandardScaler()), [0, 1]),
        ("kinds", OneHotEncoder(handle_unknown="ignore"), [2]),
        ("grades", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [3]),
    ])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table, TWO)
    pipeline.named_steps["columntransformer"].transformers_[1][1].categories_ = [np.arange(4, dtype=np.int64)]
    pipeline.named_steps["columntransformer"].transformers_[2][1].categories_ = [np.arange(1, 6, dtype=np.int64)]
    types = [("holes", FloatTensorType([None, 2])), ("kinds", Int64TensorType([None, 1])),
             ("grades", Int64TensorType([None, 1]))]
    save("columns", to_onnx(pipeline, initial_types=types, target_opset=OPSET),
         {"holes": holes[:ROWS], "kinds": kinds[:ROWS], "grades": grades[:ROWS]})
    # These do not run: the tests ask what is said of them.
    save("svc", to_onnx(SVC(probability=True).fit(X[:40], TWO[:40]), initial_types=floats, target_opset=OPSET), {}, check=False)
    words = np.array([["a"], ["b"], ["c"], ["a"]], dtype=object)
    encoder = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, [0, 1, 0, 1])
    save("words", to_onnx(encoder, initial_types=[("word", StringTensorType([None, 1]))], target_opset=OPSET), {}, check=False)


def boosting():
    x = X[:ROWS]
    types = [("features", MltoolsFloat([None, 4]))]
    settings = {"n_estimators": 6, "max_depth": 3, "random_state": 1, "verbose": -1}
    convert = lambda model: onnxmltools.convert_lightgbm(model, initial_types=types, target_opset=15)  # noqa: E731
    save("lightgbm-two", convert(lightgbm.LGBMClassifier(**settings).fit(X, TWO)), {"features": x})
    save("lightgbm-three", convert(lightgbm.LGBMClassifier(**settings).fit(X, THREE)), {"features": x})
    save("lightgbm-number", convert(lightgbm.LGBMRegressor(**settings).fit(X, SCORE)), {"features": x})


class Graph:
    """A graph drawn by hand, as exporters of networks draw it."""

    def __init__(self, inputs, outputs):
        self.nodes, self.weights = [], []
        self.inputs = [helper.make_tensor_value_info(*spec) for spec in inputs]
        self.outputs = [helper.make_tensor_value_info(*spec) for spec in outputs]

    def weight(self, array, dtype=np.float32):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, dtype=dtype), name))
        return name

    def normal(self, *shape, scale=0.4):
        return self.weight(random.normal(scale=scale, size=shape))

    def op(self, kind, *inputs, to=None, **attributes):
        to = to or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [to], name=to, **attributes))
        return to

    def model(self, producer):
        graph = helper.make_graph(self.nodes, "drawn", self.inputs, self.outputs, self.weights)
        return helper.make_model(graph, producer_name=producer, ir_version=8,
                                 opset_imports=[helper.make_opsetid("", 17)])


def lstm_with_zero_state():
    """tf2onnx builds the state of zeros from the batch's shape, which tract cannot follow."""
    g = Graph([("tokens", TensorProto.INT64, ["batch", "length"])],
              [("probability", TensorProto.FLOAT, ["batch", 1])])
    embedded = g.op("Gather", g.normal(30, 6), "tokens")
    over_time = g.op("Transpose", embedded, perm=[1, 0, 2])
    shape = g.op("Shape", "tokens")
    rows = g.op("Slice", shape, g.weight([0], np.int64), g.weight([1], np.int64))
    whole = g.op("Concat", g.weight([2], np.int64), rows, g.weight([5], np.int64), axis=0)
    state = g.op("Expand", g.weight([[[0.0]]]), whole)
    g.nodes.append(helper.make_node(
        "LSTM", [over_time, g.normal(2, 20, 6), g.normal(2, 20, 5), g.normal(2, 40), "", state, state],
        ["hidden", "last"], name="lstm", hidden_size=5, direction="bidirectional"))
    both = g.op("Transpose", "last", perm=[1, 0, 2])
    flat = g.op("Reshape", both, g.weight([-1, 10], np.int64))
    dense = g.op("Add", g.op("MatMul", flat, g.normal(10, 1)), g.weight([0.1]))
    g.op("Sigmoid", dense, to="probability")
    tokens = random.integers(0, 30, size=(ROWS, 7))
    save("lstm-zero-state", g.model("tf2onnx-like"), {"tokens": tokens})


def encoder():
    """A transformer's block over tokens with a mask, as PyTorch names things."""
    g = Graph([("input_ids", TensorProto.INT64, ["batch", "sequence"]),
               ("attention_mask", TensorProto.INT64, ["batch", "sequence"])],
              [("logits", TensorProto.FLOAT, ["batch", 3]), ("embedding", TensorProto.FLOAT, ["batch", 8])])
    h = g.op("Gather", g.normal(40, 8), "input_ids")
    g.nodes.append(helper.make_node("Cast", ["attention_mask"], ["mask"], name="mask", to=TensorProto.FLOAT))
    q, k, v = (g.op("MatMul", h, g.normal(8, 8)) for _ in range(3))
    scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 2, 1]))
    scores = g.op("Div", scores, g.weight(np.sqrt(8.0)))
    hidden = g.op("Mul", g.op("Sub", g.weight(1.0), "mask"), g.weight(-10000.0))
    scores = g.op("Add", scores, g.op("Unsqueeze", hidden, g.weight([1], np.int64)))
    attended = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
    h = g.op("LayerNormalization", g.op("Add", h, attended), g.weight(np.ones(8)), g.weight(np.zeros(8)), axis=-1)
    inner = g.op("Add", g.op("MatMul", h, g.normal(8, 16)), g.normal(16))
    erf = g.op("Erf", g.op("Div", inner, g.weight(np.sqrt(2.0))))
    gelu = g.op("Mul", g.op("Mul", inner, g.op("Add", erf, g.weight(1.0))), g.weight(0.5))
    h = g.op("Add", h, g.op("MatMul", gelu, g.normal(16, 8)))
    weights = g.op("Unsqueeze", "mask", g.weight([2], np.int64))
    total = g.op("ReduceSum", g.op("Mul", h, weights), g.weight([1], np.int64), keepdims=0)
    count = g.op("ReduceSum", "mask", g.weight([1], np.int64), keepdims=1)
    g.op("Div", total, count, to="embedding")
    g.op("MatMul", "embedding", g.normal(8, 3), to="logits")
    ids = random.integers(0, 40, size=(ROWS, 6))
    mask = np.ones((ROWS, 6), np.int64)
    mask[3:6, 4:] = 0
    return g.model("pytorch-like"), {"input_ids": ids, "attention_mask": mask}


def complementary_error_function():
    """Keras writes the exact GELU with an operator that ONNX does not have."""
    g = Graph([("x", TensorProto.FLOAT, ["batch", 4])], [("y", TensorProto.FLOAT, ["batch", 2])])
    inner = g.op("MatMul", "x", g.normal(4, 6))
    scaled = g.op("Mul", inner, g.weight(-np.sqrt(0.5)))
    erfc = g.op("Sub", g.weight(1.0), g.op("Erf", scaled))
    half = g.op("Mul", g.op("Mul", inner, erfc), g.weight(0.5))
    g.op("MatMul", half, g.normal(6, 2), to="y")
    model = g.model("keras-like")
    save("gelu-erfc", model, {"x": X[:ROWS]})
    # The same in the exporter's own words, which onnxruntime refuses: two nodes become one.
    nodes = list(model.graph.node)
    at = next(i for i, node in enumerate(nodes) if node.op_type == "Erf")
    nodes[at].op_type = "Erfc"
    nodes[at].output[0] = nodes[at + 1].output[0]
    del nodes[at + 1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, HERE / "gelu-erfc.onnx")


def many_inputs():
    """Numbers of every kind of input, two outputs, a batch that the file fixes."""
    batch = 4
    g = Graph([("title", TensorProto.INT32, [batch, 5]), ("category", TensorProto.INT64, [batch]),
               ("heat", TensorProto.FLOAT, [batch, 1]), ("pinned", TensorProto.BOOL, [batch, 1])],
              [("score", TensorProto.FLOAT, [batch, 1]), ("wide", TensorProto.FLOAT, [batch, 6])])
    title = g.op("ReduceMean", g.op("Gather", g.normal(20, 6), "title"), axes=[1], keepdims=0)
    category = g.op("Gather", g.normal(7, 6), "category")
    g.nodes.append(helper.make_node("Cast", ["pinned"], ["pin"], name="pin", to=TensorProto.FLOAT))
    both = g.op("Concat", "heat", "pin", axis=1)
    deep = g.op("Add", g.op("Add", title, category), g.op("MatMul", both, g.normal(2, 6)))
    g.op("Relu", deep, to="wide")
    g.op("Sigmoid", g.op("MatMul", "wide", g.normal(6, 1)), to="score")
    save("many-inputs", g.model("keras-like"), {
        "title": random.integers(0, 20, size=(batch, 5)).astype(np.int32),
        "category": random.integers(0, 7, size=batch),
        "heat": X[:batch, :1],
        "pinned": np.array([[True], [False], [True], [True]]),
    })


class Rows(CalibrationDataReader):
    def __init__(self):
        self.rows = iter([{"x": X[at:at + 20]} for at in range(0, 200, 20)])

    def get_next(self):
        return next(self.rows, None)


def dense():
    g = Graph([("x", TensorProto.FLOAT, ["batch", 4])], [("y", TensorProto.FLOAT, ["batch", 3])])
    h = g.op("Relu", g.op("Add", g.op("MatMul", "x", g.normal(4, 16)), g.normal(16)))
    h = g.op("Relu", g.op("Add", g.op("MatMul", h, g.normal(16, 16)), g.normal(16)))
    g.op("Softmax", g.op("MatMul", h, g.normal(16, 3)), axis=-1, to="y")
    return g.model("pytorch-like")


def quantised():
    model = dense()
    plain = HERE / "plain.onnx"
    onnx.save(model, plain)
    inputs = {"x": X[:ROWS]}
    target = HERE / "quantised.onnx"
    quantize_static(plain, target, Rows(), quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    save("dense-qdq", onnx.load(target), inputs, tolerance=0.01)
    quantize_dynamic(plain, target, weight_type=QuantType.QInt8)
    save("dense-dynamic", onnx.load(target), inputs, tolerance=0.01)
    target.unlink()
    plain.unlink()
    # Halves, inside and out.
    g = Graph([("x", TensorProto.FLOAT16, ["batch", 4])], [("y", TensorProto.FLOAT16, ["batch", 3])])
    half = lambda *shape: g.weight(random.normal(scale=0.4, size=shape), np.float16)  # noqa: E731
    h = g.op("Relu", g.op("Add", g.op("MatMul", "x", half(4, 16)), half(16)))
    g.op("Softmax", g.op("MatMul", h, half(16, 3)), axis=-1, to="y")
    save("dense-half", g.model("pytorch-like"), {"x": X[:ROWS].astype(np.float16)}, tolerance=0.01)


def refused():
    """What must be told before any run."""
    g = Graph([("x", TensorProto.FLOAT, ["batch", 4])], [("y", TensorProto.FLOAT, ["batch", 4])])
    g.op("Unique", "x", to="unique")
    g.nodes.append(helper.make_node("MyLayer", ["unique"], ["y"], name="my_layer", domain="com.example"))
    save("custom", g.model("hand"), {}, check=False)
    g = Graph([("x", TensorProto.FLOAT, ["batch", 1 << 40])], [("y", TensorProto.FLOAT, ["batch", 1 << 40])])
    g.op("Relu", "x", to="y")
    save("huge", g.model("hand"), {}, check=False)
    model = dense()
    for weight in model.graph.initializer:
        if weight.name == "w0":
            weight.ClearField("raw_data")
            weight.data_location = TensorProto.EXTERNAL
            weight.external_data.add(key="location", value="weights.bin")
    save("external", model, {}, check=False)


if __name__ == "__main__":
    scikit_learn()
    boosting()
    lstm_with_zero_state()
    save("encoder", *encoder())
    complementary_error_function()
    many_inputs()
    quantised()
    refused()
    size = sum(path.stat().st_size for path in HERE.iterdir() if path.is_file())
    print(f"{size / 1e3:.0f} kB")
