// SPDX-License-Identifier: Apache-2.0
// All of the public interface but tina/fmt.hpp, which needs the fmt library.
#pragma once

#include "tina/address.hpp"
#include "tina/assert.hpp"
#include "tina/buffer.hpp"
#include "tina/context.hpp"
#include "tina/effect.hpp"
#include "tina/error.hpp"
#include "tina/handle.hpp"
#include "tina/isolate.hpp"
#include "tina/log.hpp"
#include "tina/memory.hpp"
#include "tina/message.hpp"
#include "tina/restart.hpp"
#include "tina/result.hpp"
#include "tina/socket.hpp"
#include "tina/spec.hpp"
#include "tina/stackful.hpp"
#include "tina/system.hpp"
#include "tina/tcp.hpp"
#include "tina/time.hpp"
