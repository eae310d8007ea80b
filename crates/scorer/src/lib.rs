//! Runs a model bundle (ONNX, tokenizer, manifest) over columns of text.
