#pragma once

// All that a program needs to run networks. Training, data sets and compiling have headers of their own.
#include "graphrun/device.h"
#include "graphrun/image.h"
#include "graphrun/label_queue.h"
#include "graphrun/label_smoother.h"
#include "graphrun/labeler.h"
#include "graphrun/op_libraries.h"
#include "graphrun/program.h"
#include "graphrun/session.h"
#include "graphrun/status.h"
#include "graphrun/tensor.h"
#include "graphrun/version.h"
#include "graphrun/weights.h"
