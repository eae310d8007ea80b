"""Writes `predict.tfrecord` and `examples.tfrecord` beside this file.

The messages are TensorFlow Serving's own: needs tensorflow 2.19 and tensorflow-serving-api 2.19.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog


def example(**features):
    made = tf.train.Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        if isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return made


def logged(model, seconds):
    log = PredictionLog()
    spec = log.log_metadata.model_spec
    spec.name, spec.signature_name = model, "serving_default"
    spec.version.value = 3
    log.log_metadata.timestamp_secs = seconds
    return log


def write(name, logs):
    with tf.io.TFRecordWriter(str(Path(__file__).with_name(name))) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


tensor = tf.make_tensor_proto

# Two rows: values as content and as lists, one value for both rows, a list for each.
typed = logged("titles", 1706688000)
request, response = typed.predict_log.request, typed.predict_log.response
request.model_spec.name = "titles"
request.inputs["age"].CopyFrom(tensor([31, 44], dtype=tf.int64))
request.inputs["emb"].CopyFrom(tensor(np.array([[1.5, 2.5], [3.5, 4.5]], np.float32)))
request.inputs["title"].CopyFrom(tensor(["早安", "hello"]))
request.inputs["half"].CopyFrom(tensor(np.array([0.5, -2], np.float16)))
request.inputs["same"].CopyFrom(tensor(7, shape=[2], dtype=tf.int32))
request.inputs["ok"].CopyFrom(tensor([True, False]))
response.outputs["score"].CopyFrom(tensor(np.array([[0.25], [0.75]], np.float32)))

# One row: an example as bytes.
serialised = logged("titles", 1706688060)
request, response = serialised.predict_log.request, serialised.predict_log.response
request.model_spec.name = "titles"
request.inputs["examples"].CopyFrom(
    tensor([example(age=[9], title=[b"tf"]).SerializeToString()])
)
response.outputs["score"].CopyFrom(tensor(np.array([[0.125]], np.float64)))
write("predict.tfrecord", [typed, serialised])

classified = logged("census", 1706688000)
log = classified.classify_log
log.request.model_spec.name = "census"
log.request.input.example_list.examples.extend(
    [example(age=[25], work=[b"a", b"b"]), example(age=[50])]
)
for score in (0.25, 0.5):
    classes = log.response.result.classifications.add().classes
    classes.add(label="<=50K", score=1 - score)
    classes.add(label=">50K", score=score)

regressed = logged("census", 1706688001)
log = regressed.regress_log
log.request.model_spec.name = "census"
log.request.input.example_list_with_context.examples.extend([example(age=[26])])
log.request.input.example_list_with_context.context.CopyFrom(example(town=[b"north"]))
log.response.result.regressions.add(value=2.5)

several = logged("census", 1706688002)
log = several.multi_inference_log
for signature in ("low", "high"):
    spec = log.request.tasks.add().model_spec
    spec.name, spec.signature_name = "census", signature
log.request.input.example_list.examples.extend([example(age=[33])])
result = log.response.results.add()
result.model_spec.signature_name = "low"
result.regression_result.regressions.add(value=1.5)
result = log.response.results.add()
result.model_spec.signature_name = "high"
result.classification_result.classifications.add().classes.add(label="a", score=0.5)

session = logged("census", 1706688003)
log = session.session_run_log
log.request.model_spec.name = "census"
log.request.feed.add(name="age", tensor=tensor([61], dtype=tf.int64))
log.response.tensor.add(name="value", tensor=tensor([0.5], dtype=tf.float32))
write("examples.tfrecord", [classified, regressed, several, session])
