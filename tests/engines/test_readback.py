"""What is read out of the list of layers. The lines are TensorRT-RTX 1.7.1's, as they came."""

from trt_anime.engines.readback import layer_precision, product_precision

SHAPE = (
    "Name: __mye2305_0_myl0_0, LayerType: shape_call, Inputs: [], Constants: [], Outputs: [], Tac"
    "ticName: , StreamId: 0, Metadata: "
)
POOL_INT8 = (
    "Name: __mye6121_pooling_myl0_4, LayerType: maxpool, Inputs: [ { Name: MaxPool_0_Y_QuantizeLi"
    "near_Output.1_20_myl0, Dimensions: [-1,8,16,16], Strides: [2048,1,128,8], StrideOrder: [3,0,"
    "2,1], Datatype: Int8, Format: (NHWC) Channel major format }], Constants: [ { Name: __mye6113"
    "_net/MaxPool_0_alpha_myl0, Dimensions: [8], Strides: [1], StrideOrder: [0], Datatype: Float,"
    " Format: (Linear) Row major linear format }, { Name: __mye6117_net/MaxPool_0_beta_myl0, Dime"
    "nsions: [8], Strides: [1], StrideOrder: [0], Datatype: Float, Format: (Linear) Row major lin"
    "ear format }], Outputs: [ { Name: __myln_k_arg__bb1_21_myl0, Dimensions: [-1,8,16,16], Strid"
    "es: [2048,1,128,8], StrideOrder: [3,0,2,1], Datatype: Int8, Format: (NHWC) Channel major for"
    "mat }], TacticName: __myelin_CASK_STUB, StreamId: 0, Metadata: [ONNX Layer: net/MaxPool_0]"
)
# Of SM89, and of SM75, whose weights are put before it.
CONV_INT8 = (
    "Name: net/Conv_0_myl0_2, LayerType: correlation, Inputs: [ { Name: __mye6206Conv_0_Y.1_18_my"
    "l0, Dimensions: [-1,4,16,16], Strides: [1024,1,64,4], StrideOrder: [3,0,2,1], Datatype: Int8"
    ", Format: (NHWC) Channel major format }], Constants: [ { Name: __mye8152_dconst_myl0, Dimens"
    "ions: [8,4,3,3], Strides: [36,1,12,4], StrideOrder: [3,0,2,1], Datatype: Int8, Format: (NHWC"
    ") Channel major format }, { Name: __mye6970dconst_myl0, Dimensions: [1,8,1,1], Strides: [8,1"
    ",8,8], StrideOrder: [3,0,2,1], Datatype: Float, Format: (NHWC) Channel major format }, { Nam"
    "e: __mye6975dconst_myl0, Dimensions: [1,8,1,1], Strides: [8,1,8,8], StrideOrder: [3,0,2,1], "
    "Datatype: Float, Format: (NHWC) Channel major format }], Outputs: [ { Name: __myln_k_arg__bb"
    "1_19_myl0, Dimensions: [-1,8,16,16], Strides: [2048,1,128,8], StrideOrder: [3,0,2,1], Dataty"
    "pe: Float, Format: (NHWC) Channel major format }], TacticName: __myelin_CASK_STUB, StreamId:"
    " 0, Metadata: [ONNX Layer: net/Conv_0]\x1f[ONNX Layer: net/Mul_0_C_DequantizeLinear]\x1f[ONNX Laye"
    "r: net/Constant_2_output_DequantizeLinear]"
)
CONV_HALF = (
    "Name: net/Conv_0_myl0_3, LayerType: correlation, Inputs: [ { Name: __myln_k_arg__bb1_18_myl0"
    ", Dimensions: [-1,8,16,16], Strides: [2048,1,128,8], StrideOrder: [3,0,2,1], Datatype: Half,"
    " Format: (NHWC) Channel major format }, { Name: Relu_0_Y.1_20_myl0, Dimensions: [8,8,3,3], S"
    "trides: [72,1,24,8], StrideOrder: [3,0,2,1], Datatype: Half, Format: (NHWC) Channel major fo"
    "rmat }], Constants: [ { Name: __mye8750_const_myl0, Dimensions: [1], Strides: [1], StrideOrd"
    "er: [0], Datatype: Float, Format: (Linear) Row major linear format }, { Name: __mye8754_cons"
    "t_myl0, Dimensions: [1], Strides: [1], StrideOrder: [0], Datatype: Float, Format: (Linear) R"
    "ow major linear format }], Outputs: [ { Name: __myln_k_arg__bb1_21_myl0, Dimensions: [-1,8,1"
    "6,16], Strides: [2048,1,128,8], StrideOrder: [3,0,2,1], Datatype: Half, Format: (NHWC) Chann"
    "el major format }], TacticName: __myelin_CASK_STUB, StreamId: 0, Metadata: [ONNX Layer: net/"
    "Conv_0]\x1f[ONNX Layer: net/Relu_0]"
)
GEMM_HALF = (
    "Name: net/MatMul_0_myl0_5, LayerType: gemm, Inputs: [ { Name: __mye6390_23_myl0, Dimensions:"
    " [-1,16], Strides: [16,1], StrideOrder: [1,0], Datatype: Half, Format: (Linear) Row major li"
    "near format }], Constants: [ { Name: __mye6465_dconst_myl0, Dimensions: [16,16], Strides: [1"
    "6,1], StrideOrder: [1,0], Datatype: Half, Format: (Linear) Row major linear format }, { Name"
    ": __mye6393net/MatMul_0_alpha_myl0, Dimensions: [1], Strides: [1], StrideOrder: [0], Datatyp"
    "e: Float, Format: (Linear) Row major linear format }, { Name: __mye6394net/MatMul_0_beta_myl"
    "0, Dimensions: [1], Strides: [1], StrideOrder: [0], Datatype: Float, Format: (Linear) Row ma"
    "jor linear format }], Outputs: [ { Name: __myln_k_arg__bb1_24_myl0, Dimensions: [-1,16], Str"
    "ides: [16,1], StrideOrder: [1,0], Datatype: Half, Format: (Linear) Row major linear format }"
    "], TacticName: __myelin_CASK_STUB, StreamId: 0, Metadata: [ONNX Layer: net/MatMul_0]"
)
ATTENTION_HALF = (
    "Name: _gemm_mha_v2_myl0_4, LayerType: kgen, Inputs: [ { Name: __mye1828_9_myl0, Dimensions: "
    "[-1,32,32], Strides: [32,-1,1], StrideOrder: [1,2,0], Datatype: Half, Format: (Arbitrary) Fo"
    "rmat with stride order = [1,2,0] }, { Name: __mye1828_8_myl0, Dimensions: [-1,32,32], Stride"
    "s: [32,1,-1], StrideOrder: [1,0,2], Datatype: Half, Format: (Arbitrary) Format with stride o"
    "rder = [1,0,2] }, { Name: __mye1828_10_myl0, Dimensions: [-1,32,32], Strides: [32,-1,1], Str"
    "ideOrder: [1,2,0], Datatype: Half, Format: (Arbitrary) Format with stride order = [1,2,0] }]"
    ", Constants: [], Outputs: [ { Name: __myln_k_arg__bb1_11_myl0, Dimensions: [-1,32,32], Strid"
    "es: [32,-1,1], StrideOrder: [1,2,0], Datatype: Half, Format: (Arbitrary) Format with stride "
    "order = [1,2,0] }], TacticName: _gemm_mha_v2_0x78d958498bba666e8721cd0c3d0bc444, StreamId: 0"
    ", Metadata: [ONNX Layer: net/MatMul_4]\x1f[ONNX Layer: net/MatMul_4_cast_2]\x1f[ONNX Layer: net/Ma"
    "tMul_4_cast]\x1f[ONNX Layer: net/Softmax_3_cast_1]\x1f[ONNX Layer: net/Softmax_3]\x1f[ONNX Layer: net"
    "/Softmax_3_cast]\x1f[ONNX Layer: net/MatMul_1]\x1f[ONNX Layer: net/MatMul_1_cast_2]\x1f[ONNX Layer: n"
    "et/Mul_2]"
)
ENDS = " Name: frame, IOMode: Input, DataType: UInt8, Dimensions: [-1,64,96,3], Location: Device"


def listed(*layers: str) -> list[str]:
    """The log of a build, the list of layers among other things."""
    text = "\n".join(["Layers:", *layers, "", "I/O Tensors:", ENDS])
    return ["[MemUsageChange] Init CUDA", text, "Name: no list, LayerType: gemm, Inputs: [ Half ]"]


def test_what_layers_put_out() -> None:
    log = listed(SHAPE, POOL_INT8, CONV_INT8, CONV_HALF, GEMM_HALF)
    assert layer_precision(log) == {"float16": 0.5, "float32": 0.25, "int8": 0.25}


def test_what_products_read() -> None:
    """A convolution that reads int8 puts out FP32; a pooling of int8 is no product."""
    log = listed(SHAPE, POOL_INT8, CONV_INT8, CONV_INT8, GEMM_HALF)
    assert product_precision(log) == {"float16": 0.3333, "int8": 0.6667}


def test_fused_attention_is_a_product() -> None:
    assert product_precision(listed(ATTENTION_HALF)) == {"float16": 1.0}
    assert product_precision(listed(CONV_INT8, ATTENTION_HALF)) == {"float16": 0.5, "int8": 0.5}


def test_what_lists_no_layers() -> None:
    assert layer_precision(["noise"]) is None
    assert product_precision(["noise"]) is None
    assert product_precision(listed(SHAPE, POOL_INT8)) is None
