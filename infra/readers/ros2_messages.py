"""Messages of ROS 2 (CDR) by their definitions: the log's own, else those that come with ROS for its standard types.

Runs in the sandbox: a definition may name any number of elements that take no bytes.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

from schemas.errors import BadMedia

Decode = Callable[[bytes], Any]
ZSTD = b"\x28\xb5\x2f\xfd"  # CDR begins with 00: a message that begins so was packed by rosbag2's mode MESSAGE
LARGEST_BYTES = 1 << 30  # of a message when unpacked
HEAD_BYTES, WORD_BYTES = 4, 4  # of CDR; a message may be padded to a word
OWN = "ros2msg"  # the encoding of definitions


def preload() -> None:
    """Loads what each child needs, once."""
    import rosbags.typesys  # noqa: F401


def decoder(type_name: str, definition: str) -> Decode:
    """Decodes messages of a type, unpacked where they are packed. definition: as ROS concatenates it; "": none.

    BadMedia(bad_message): a type of one's own without a definition, or one that is not understood.
    """
    texts = [text for text in (definition, _stock_definition(type_name)) if text]
    if not texts:
        raise BadMedia("bad_message", f"the log has no definition of {type_name[:80]}: record it with a later ROS")
    return _Decoder(type_name, texts)


class _Decoder:
    """Decodes messages by the first definition that a message proves: it must reach to the message's end.

    Bags are met whose definitions are cut short: these give numbers, and wrong ones.
    """

    def __init__(self, type_name: str, texts: list[str]) -> None:
        self.type_name = type_name
        self.texts = texts
        self.decode: Decode | None = None

    def __call__(self, data: bytes) -> Any:
        data = unpack_zstd(data, LARGEST_BYTES) if data.startswith(ZSTD) else data
        if self.decode is not None:
            return self.decode(data)
        why = ""
        for text in self.texts:
            try:
                decode = _dynamic(self.type_name, text)
                decoded = decode(data)
                if len(data) <= HEAD_BYTES + WORD_BYTES or not self._is_same_without_end(decode, data, decoded):
                    self.decode = decode
                    return decoded
                why = why or "its definition ends before its messages do: it is another type's"
            except MemoryError:
                raise
            except Exception as e:  # noqa: BLE001 - damage shows as errors of any kind
                why = why or (e.detail if isinstance(e, BadMedia) else f"not decoded ({type(e).__name__})")
        raise BadMedia("bad_message", why)

    def _is_same_without_end(self, decode: Decode, data: bytes, decoded: Any) -> bool:
        try:
            return bool(decode(data[:-WORD_BYTES]) == decoded)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - it misses them, as it should
            return False


def _dynamic(type_name: str, text: str) -> Decode:
    from mcap_ros2._dynamic import generate_dynamic

    try:
        return generate_dynamic(type_name, text)[type_name]
    except MemoryError:
        raise
    except Exception as e:
        raise BadMedia("bad_message", f"its definition is not understood ({type(e).__name__})") from e


def unpack_zstd(data: bytes, most_bytes: int) -> bytes:
    """At most most_bytes + 1 bytes of what was packed."""
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as stream:
        return stream.read(most_bytes + 1)


@functools.cache
def _stock_definition(type_name: str) -> str:
    """Of a standard type, as of Humble; "" of any other. The types that matter here are the same in all releases."""
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    return str(store.generate_msgdef(type_name, ros_version=2)[0]) if type_name in store.fielddefs else ""
