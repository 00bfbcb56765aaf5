"""Every error that trt-anime raises on purpose.

    TrtAnimeError                 exit code 1
    ├── InputError                exit code 2   a file, option or value that the user gave
    │   └── CheckpointError       exit code 2   a weights file that is not what it should be
    ├── MissingError              exit code 3   an engine, checkpoint, device or extra is not here
    ├── ExportError               exit code 1   a stage graph can't be made, or differs from PyTorch
    ├── EngineError               exit code 1   a device, TensorRT, TensorRT-RTX or ONNX Runtime failed
    ├── DownloadError             exit code 1   no source gave the file
    └── OutputError               exit code 1   a result can't be written

The message is one sentence that names the file, says what is wrong and gives the remedy.
"""


class TrtAnimeError(Exception):
    exit_code = 1


class InputError(TrtAnimeError, ValueError):
    exit_code = 2


class CheckpointError(InputError):
    pass


class MissingError(TrtAnimeError, LookupError):
    exit_code = 3


class ExportError(TrtAnimeError):
    pass


class EngineError(TrtAnimeError):
    pass


class DownloadError(TrtAnimeError):
    pass


class OutputError(TrtAnimeError, OSError):
    pass
