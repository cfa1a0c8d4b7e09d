# SPDX-License-Identifier: Apache-2.0
"""libmlc by ctypes.  The library is found by MLC_LIBRARY, or as libmlc.so.0."""
