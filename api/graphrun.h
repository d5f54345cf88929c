#pragma once

// Everything that a program needs to run a compiled graph: include this, link graphrun::runtime.
#include "ops/cpu_backend.h"
#include "ops/registry.h"
#include "runtime/model/program.h"
#include "runtime/session/image.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "runtime/weights/weights.h"
