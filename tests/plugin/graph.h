#pragma once

namespace graphrun::test {

inline constexpr const char* kTestOps = GRAPHRUN_BINARY_DIR "/lib/test/test_ops.so";
inline constexpr const char* kStaleOps = GRAPHRUN_BINARY_DIR "/lib/test/stale_ops.so";

// A network with the ops of test_ops.cpp.
inline constexpr const char* kGraphOfTestOps = R"({
  "parameters": {"classes": {"default": 7, "min": 1}, "ignore_label": {"default": 255}},
  "inputs": {"image": {"shape": ["N", 3, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
  "graph": [
    {"op": "conv2d", "as": "a", "out_channels": 8, "kernel": 3, "padding": 1, "bias": true},
    {"op": "softsign", "scale": 2},
    {"op": "relu", "as": "relu", "out": "c"},
    {"op": "conv2d", "as": "b", "x": "c", "out_channels": "classes", "kernel": 1, "bias": true, "out": "logits"}
  ],
  "outputs": {"logits": "logits"},
  "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label", "ignore_label": "ignore_label"},
             "aux": {"op": "mean_square", "x": "c", "weight": 0.1}},
  "train": {"optimizer": {"op": "sgd"}, "settings": {"train_h": 17, "train_w": 17, "test_h": 17, "test_w": 17}}
})";

}  // namespace graphrun::test
