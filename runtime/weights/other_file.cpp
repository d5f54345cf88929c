#include "runtime/weights/other_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

#include "runtime/weights/tensor_table.h"

namespace graphrun::weights {
namespace {

using namespace std::string_view_literals;

constexpr const char* kStateDict =
    "; weights are read from a PyTorch state_dict (torch.save(model.state_dict(), FILE)) or from "
    ".safetensors";

struct Magic {
  std::size_t at;
  std::string_view bytes;
  std::string_view what;  // what is behind a colon is the way on
};

constexpr std::array kMagics{
    Magic{0, "\x89HDF\r\n\x1a\n"sv,
          "an HDF5 file, as Keras and MATLAB write them: its layers have other names and layouts than "
          "PyTorch's"},
    Magic{0, "\x1f\x8b"sv, "compressed with gzip: unpack it first (gunzip)"},
    Magic{0, "BZh"sv, "compressed with bzip2: unpack it first (bunzip2)"},
    Magic{0,
          "\xfd"
          "7zXZ\0"sv,
          "compressed with xz: unpack it first (unxz)"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "compressed with zstd: unpack it first (unzstd)"},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive: unpack it first"},
    Magic{0, "Rar!\x1a\x07"sv, "a RAR archive: unpack it first"},
    Magic{0, "\x93NUMPY"sv, "a NumPy array (.npy), one tensor without a name"},
    Magic{0, "MATLAB 5.0 MAT-file"sv, "a MATLAB file (MatConvNet)"},
    Magic{0, "GGUF"sv, "a GGUF file (ggml)"},
    Magic{4, "TFL3"sv, "a TensorFlow Lite model"},
    Magic{4, "GRUN"sv, "a model that graphc wrote: it has no weights in it"},
    Magic{0, "\x8bGRUN\r\n\x1a"sv,
          "a bundle of graphrun: give it in the place of MODEL, it has its weights in it"},
    Magic{0, "\x89PNG\r\n"sv, "a PNG image"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG image"},
    Magic{0, "%PDF"sv, "a PDF document"},
    Magic{0,
          "\x7f"
          "ELF"sv,
          "a program or library (ELF)"},
    Magic{0, "SQLite format 3"sv, "an SQLite database"},
    Magic{0, "Salted__"sv, "encrypted with openssl"},
    Magic{0, "ftrt"sv, "an engine of TensorRT, made for one GPU"},
    Magic{0, "ptrt"sv, "an engine of TensorRT, made for one GPU"},
    Magic{0, "\x12\x01\0\0\0\0\0\0"sv, "parameters of MXNet (.params)"},
    Magic{0, "version https://git-lfs"sv, "a git-lfs pointer, not the file itself: git lfs pull gets it"},
    Magic{0, "model_checkpoint_path:"sv, "the index of TensorFlow checkpoints, not weights"},
    Magic{0, "\0\0\0\0\x02\0\0\0"sv, "weights of Darknet"},
};

std::string_view text_of(std::span<const std::byte> file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string describe_json(std::string_view head) {
  if (contains(head, "\"weight_map\"")) {
    return "the index of weights that are shared out over several files, not weights: read those with "
           "safetensors or torch, and save one state_dict of all";
  }
  if (contains(head, "\"layers\"") && contains(head, "class_name"))
    return "the description of a Keras model in JSON";
  return "a JSON text, not weights";
}

// Text that begins with a letter or a bracket.
std::string describe_text(std::string_view file) {
  constexpr std::size_t kHead = 4096;
  constexpr std::size_t kShown = 40;
  std::string_view head = file.substr(0, kHead);
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return head.find_first_not_of(" \t\r\n\0"sv) == head.npos ? "blanks alone" : "";
  head.remove_prefix(first);
  const std::string folded = lower(head);
  if (folded.starts_with("<!doctype html") || folded.starts_with("<html") || folded.starts_with("<head") ||
      (folded.starts_with("<!--") && contains(folded, "<html"))) {
    return "an HTML page: the server answered the download with a page (a sign-in, a warning, an error); "
           "open "
           "the address in a browser and save the file itself";
  }
  if (folded.starts_with("<?xml") || folded.starts_with("<error") || folded.starts_with("<net")) {
    return contains(folded, "<net") ? "the description of an OpenVINO network in XML"
                                    : "an XML text, as servers answer where there is no such file";
  }
  if (head[0] == '{' || head[0] == '[') return describe_json(head);
  const bool printable = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7f : c == '\n' || c == '\t' || c == '\r';
  });
  if (!printable) return {};
  return "a text, not weights; it begins with " + quoted(head.substr(0, std::min(head.find('\n'), kShown)));
}

std::string describe_tar(std::string_view file) {
  if (file.size() < 512 || file.substr(257, 5) != "ustar") return {};
  // PyTorch's first format has members of these names.
  constexpr std::size_t kSearched = 1 << 20;
  const std::string_view head = file.substr(0, kSearched);
  if (file.starts_with("sys_info\0"sv) || file.starts_with("storages\0"sv) ||
      (contains(head, "sys_info\0"sv) && contains(head, "storages\0"sv))) {
    return "a checkpoint in the tar format of PyTorch before 0.1.10: load it with a PyTorch that still can "
           "(torch.load) and save its state_dict anew";
  }
  return "a tar archive: unpack it first";
}

// A pickle of protocol 2 to 5 that torch.save did not write.
std::string describe_pickle(std::string_view file) {
  constexpr std::size_t kSearched = 1 << 16;
  if (file.size() < 3 || file[0] != '\x80' || file[1] < 2 || file[1] > 5) return {};
  const std::string_view head = file.substr(0, kSearched);
  const std::string_view tail = file.substr(file.size() - std::min(file.size(), kSearched));
  if (contains(head, "StructuredToParameterName@@") || contains(tail, "StructuredToParameterName@@")) {
    return "parameters of PaddlePaddle (.pdparams): paddle.load() reads them; convert them in Python to a "
           "state_dict with the PyTorch network's names and save that as .safetensors";
  }
  if (contains(head, "paddle")) return "a pickle of PaddlePaddle (.pdparams, .pdopt)";
  if (contains(head, "numpy"))
    return "a Python pickle of NumPy arrays (as Detectron's .pkl, PaddlePaddle's .pdparams), not of "
           "torch.save: load it in Python, and save a dictionary of names and tensors with torch.save";
  return "a Python pickle that torch.save did not write: load it in Python, and save a dictionary of names "
         "and "
         "tensors with torch.save";
}

// Messages of protocol buffers have no magic number: the first fields tell.
std::string describe_protobuf(std::string_view file) {
  if (file.size() < 16) return {};
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(file[at]); };
  const std::string_view head = file.substr(0, 512);
  if (byte(0) == 0x08 && byte(1) == 1 && byte(2) == 0x12)
    return "a TensorFlow SavedModel (saved_model.pb), a graph";
  if (byte(0) == 0x08 && byte(1) < 32 &&
      (byte(2) == 0x12 || byte(2) == 0x1a || byte(2) == 0x3a || byte(2) == 0x42)) {
    return "an ONNX model, a graph together with its weights: take the state_dict of the PyTorch model that "
           "it was made from";
  }
  if (byte(0) == 0x0a &&
      (contains(head, "Placeholder") || contains(head, "Const\x1a") || contains(head, "Const*")))
    return "a frozen graph of TensorFlow (.pb)";
  if (byte(0) == 0x0a && contains(head, "\xa2\x06")) return "a network of Caffe (.caffemodel)";
  return {};
}

std::string describe_binary(std::string_view file) {
  constexpr std::string_view kTable = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";  // the end of TensorFlow's tables
  if (file.ends_with(kTable)) return "the index of a TensorFlow checkpoint (.index)";
  constexpr std::size_t kMap = 64;
  if (contains(file.substr(0, kMap), "\xa6params") || contains(file.substr(0, kMap), "\xa5model\xa6"))
    return "a msgpack file, as Flax writes checkpoints";
  constexpr std::size_t kZeros = 4096;
  const std::string_view head = file.substr(0, kZeros);
  if (head.find_first_not_of('\0') == std::string_view::npos)
    return "filled with zeros from its start on: a copy or download that did not end";
  return {};
}

}  // namespace

std::string describe_other_file(std::span<const std::byte> bytes) {
  const std::string_view file = text_of(bytes);
  if (file.empty()) return "the file is empty";
  // A safetensors file begins with the length of its header, of which any bytes may look like a magic number.
  if (file.size() > 8 && file[8] == '{' && file[7] == '\0' && file[6] == '\0') return {};
  const auto says = [](std::string_view what) {
    return "the file is " + std::string(what) + (contains(what, ": ") ? "" : kStateDict);
  };
  for (const Magic& magic : kMagics) {
    if (file.size() >= magic.at && file.substr(magic.at).starts_with(magic.bytes)) return says(magic.what);
  }
  for (const auto& describe :
       {describe_tar, describe_pickle, describe_protobuf, describe_text, describe_binary}) {
    if (const std::string what = describe(file); !what.empty()) return says(what);
  }
  return {};
}

}  // namespace graphrun::weights
