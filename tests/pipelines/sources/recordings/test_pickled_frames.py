"""The pickle door: columns of a DataFrame as several pandas wrote it, and nothing that a pickle would run."""

from __future__ import annotations

import base64
import io
import math
import os
import pickle
import pickletools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.readers import pickles
from pipelines.sources.recordings import pickled_frames
from schemas.errors import BadMedia

NAMES = ("video_id", "narration", "start_timestamp", "end_timestamp")
# pd.DataFrame({"unique_narration_id": [v + "-1", v + "-2"], "participant_id": ["P01"] * 2, "video_id": [v] * 2,
#   "narration": ["Open the upper cupboard.", "Hold the jar with the left hand."], "start_timestamp": [7.44, 9.5],
#   "end_timestamp": [8.75, nan], "pairs": [[("open", "upper cupboard")], []], "verb_classes": [[3], [34]]}
# ).to_pickle(path, protocol=...), v = "P01-20240202-110250"; b85encode(zlib.compress(bytes, 9))
GOLDEN = {
    "pandas 1.5.3, numpy 1.25.2, protocol 4": (
        "c-n1L-A@!T5WjE04+tSBCTdQ7frq=?otXGwq7h@%4Ts@b(sXxwx0T)Q+IB$_iTJ<?NfRF!{~`UGOnlR6Z_z`q51pBIX7)GJ-|SKC"
        ">!4P0%PeM8gjBVIRI>I!(u9GTdqy>V?({QQ`vixuYHB1IN-(!4-MP?A3L2|+LIoW%slZ%$8mGbT=Gew?bFGLVG56Kq5HJfQ7a0$B"
        "V@7-%W1W{po@58(>`5MLPNk#=n3YHtq(W(#2iiK;og<hT%<Wvxz$+cYM%jnYunntT*{gV!5kw279_oY4R$?lHhj4l_zOS0{Bk1@0"
        "uYTcjn^)4{pKdh2|5$zV<=d?%;|ARu%cDDm{qrNBo0;`<j_?H5QCBe!Y<{oiHN3J-?^Wy`U5@6XMGGrhItSHopjJ#}>jIPy|3G<c"
        "q3mGWmtS|ftzM_M-odTa?RI((I;}2DKktF5;yFb3&C-;6h}O-@R>nkAN35A=8I#Q*&-|3iunng9B8@|L^_I%!KG%^mVm8pt2;Z;`"
        "J78)l#)Fx^7!4z!J9zC?QFwPLL-<o_KX#S#iOQp!)1IJHDpt9Wl|ohv*(l^pA?=fldp-i&wUvu34cU99+CEjt?Mp<kee%+t;gdz1"
        "rhcwFmWRlE_#gT#8ZGxAOS$0haz=!uo#v?^Jj8xvRB9e@{H}HfvwJ*bsZ;0vxFYA3Mn|G~!ca>xFjtufC+&JhxtpUsCVdjbR4Jyw"
        "Hq_LFoydMZvfSD-H>MRSsTkTSx2>G0Eb{wERQqw96H`+<&5)&5VW^Z{PG&b8bQ~8%Z98%PKOhOy)U^gFP^VfW!b30(GKlHWsn=;7"
        "r~8V8d4|(KH6t<g8IJjh%Ki3lgb|^P"
    ),
    "pandas 2.2.3, numpy 2.4.6, protocol 5": (
        "c-n1L-A@!T5WjCg5I=|r51LbBJRVr@E@FHz(TFkXhQshIX}Y_;+sbZt?RG&Di5SC)NfRF&`GfRtGVx8Py#w#e^`SG<&P;!uU#ExF"
        "@1H6KJM^WLihyR0pGf9(C5;*AnWt3IXIB3PD<9zi8oEN_o&<e;)SU~(q@Ype#8l88lNso_CsE?>Yz%A+*Nejl5^*p47XtbM$wkWj"
        "orn?7#2DuVk;m!2Lu`7~ndCm`S<;nB?B(6AP1!i955O0G{%XAb`s3Q;fpu#j4{r?Z-yc9%Z9<fR+E2}ObgBCQz8rssEoiu9U3>_g"
        "PUqzx9CmUG3Ou*uminNJ>!8q0PkT9!6c>oOnnm0<Y21oibBiX6TQYMvs~1PH$2mq&DJh;kM<nwTktvz`3S+~IdJ0QoH!)M;2-b@p"
        "3=kDDEuI}-)}_rcobUg``3P}-*+ycnylS>q+s*d9CQhrZR<pg<Ty4SR^)~1-u0yz{7bfgOcwaAVrcBgT$m)5TGFkWY)Jv!g9MJXW"
        "Nfg+vH&oX5xC*Tiv979z$g%_5peqT+gPtFchCa}3+;+<-+?$jk{BXW;(kzUR;!u``vOJWvp`02@TOmGDp>S~mkF_HRm(>|beJ}-E"
        "8h^q8d&e@zqZvN@b40K`^1`eco;Gy#RJSb<U|T?VJG^5!3s+7Vn?~cV<zgWh{B6#NFytzp2*Lv_MM|aOKF4#FU6|hG0ZXhpbLNT-"
        "ktuW}ipLDKI0b#4iD1;Orj*+z+hx)tenhj3WngNlE5fvEC-0lbxT%*XT~bofGq>C_a^z;A*TI)<4#(H1E161Cte8<4Dn*-<nF)UZ"
        "Y$HT%DslQ*keDfIOM~oJsZxmW0CbIXBigg-RT@RfUPgjE#rC0!k%)Q>|A6Bx_ng0~sH&v"
    ),
}


def frame() -> pd.DataFrame:
    """HD-EPIC's plain columns and lists, as objects: pandas 3 would make text a type of its own."""
    made = pd.DataFrame(
        {
            "video_id": ["P01-a", "P02-b", "P02-b"],
            "narration": ["Open it.", "Shut it.", None],
            "start_timestamp": [7.44, 0.5, math.nan],
            "end_timestamp": [8.75, 1.5, 2.0],
            "frame": [1, 2, 3],
            "seen": [True, False, True],
            "pairs": [[("open", "jar")], [], [("shut", "jar")]],
        }
    ).astype({"video_id": object, "narration": object, "pairs": object})
    made.columns = pd.Index(list(made.columns), dtype=object)
    return made


def same(found: dict[str, list[Any]], wanted: pd.DataFrame) -> bool:
    return all(
        [v if v == v else None for v in found[n]] == [None if v is None or v != v else v for v in wanted[n].tolist()]
        for n in found
    )


def reason(path: Path, data: bytes, names: tuple[str, ...] = NAMES) -> str:
    path.write_bytes(data)
    with pytest.raises(BadMedia) as caught:
        pickled_frames.read(path, names)
    return caught.value.reason


@pytest.mark.parametrize("which", sorted(GOLDEN))
@pytest.mark.slow
def test_what_older_pandas_wrote_is_read(tmp_path: Path, which: str) -> None:
    (tmp_path / "a.pkl").write_bytes(zlib.decompress(base64.b85decode("".join(GOLDEN[which]))))
    found = pickled_frames.columns(tmp_path / "a.pkl", NAMES)
    assert found["narration"] == ["Open the upper cupboard.", "Hold the jar with the left hand."]
    assert found["video_id"] == ["P01-20240202-110250"] * 2
    assert found["start_timestamp"] == [7.44, 9.5]
    assert found["end_timestamp"][0] == 8.75
    assert math.isnan(found["end_timestamp"][1])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_and_order_of_rows_is_read(tmp_path: Path, protocol: int) -> None:
    names = [*NAMES, "frame", "seen"]
    for made in (frame(), frame()[::-1], frame().iloc[[2, 0]], frame().T.T, frame()[:0]):
        made.to_pickle(tmp_path / "a.pkl", protocol=protocol)
        assert same(pickled_frames.read(tmp_path / "a.pkl", names), made)


class Runs:
    """A pickle of it calls what it was given."""

    def __init__(self, call: Any, *args: Any) -> None:
        self.made = (call, args)

    def __reduce__(self) -> Any:
        return self.made


def attacks(mark: Path) -> dict[str, bytes]:
    """Pickles that make a file at `mark` when they are loaded plainly, or reach for what could."""
    shell = f"touch {mark}"
    hidden = frame()
    hidden["pairs"] = [Runs(os.system, shell), [], []]
    ufunc = Runs(np.frompyfunc, os.system, 1, 1)
    named = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(shell)]) + shell.encode() + b"\x85R."
    return {
        "os.system": pickle.dumps(Runs(os.system, shell)),
        "protocol 0": pickle.dumps(Runs(os.system, shell), 0),
        "stack global": named,
        "builtins.eval": pickle.dumps(Runs(eval, f"__import__('pathlib').Path({str(mark)!r}).touch()")),
        "builtins.getattr": pickle.dumps(Runs(getattr, "", "join")),
        "pandas.eval": pickle.dumps(Runs(pd.eval, f"@open({str(mark)!r}, 'w')")),
        "pandas.read_pickle": pickle.dumps(Runs(pd.read_pickle, "/etc/passwd")),
        "numpy.load": pickle.dumps(Runs(np.load, "/etc/passwd", None, True)),
        "numpy.frompyfunc": pickle.dumps(ufunc),
        "a cell of a frame": pickle.dumps(hidden),
        "a state of a frame": pickle.dumps(Runs(pd.DataFrame, Runs(os.system, shell))),
        "a tuple of a list": pickle.dumps([({"a": Runs(os.system, shell)},)]),
        "inst": b"(S'" + shell.encode() + b"'\niposix\nsystem\n.",
        "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        "dotted through an allowed one": b"\x80\x04\x8c\x06pandas\x8c\x10DataFrame.to_csv\x93.",
        "persistent": b"\x80\x04\x8c\x01aQ.",
        "infra": b"cinfra.sandbox.sandbox\nrun\n.",
    }


@pytest.mark.parametrize("name", sorted(attacks(Path("mark"))))
def test_an_attack_is_unsafe_and_runs_nothing(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "a.pkl").write_bytes(attacks(mark)[name])
    with pytest.raises(BadMedia) as caught:
        pickled_frames.columns(tmp_path / "a.pkl", NAMES)
    assert caught.value.reason == "unsafe_pickle"
    assert not mark.exists()


def test_the_attacks_are_attacks(tmp_path: Path) -> None:
    for name in ("os.system", "protocol 0", "stack global", "builtins.eval", "a cell of a frame", "inst"):
        mark = tmp_path / name.replace(" ", "_")
        pickle.loads(attacks(mark)[name])  # noqa: S301 - of what this test made
        assert mark.exists(), name


GLOBAL = b"\x80\x04\x8c\x06pandas\x8c\x09DataFrame\x93"


@pytest.mark.parametrize("data", [
    b"",
    b"hello",
    b"\x80\x04N.",
    GLOBAL + b".",  # the class itself
    GLOBAL + b")R.",  # one without a state
    GLOBAL + b")\x81}b.",
    GLOBAL + b"}b.",  # a state for the class
    GLOBAL + b"N}\x8c\x0c__setstate__\x8c\x01asbr.",
    GLOBAL + b")\x81K\x01a.",  # append to what is no list
    GLOBAL + b")\x81\x8c\x04argsNs.",  # an item of what is no dict
    b"\x80\x04\x82\x01.",  # a registered extension
    b"\x80\x05\x97.",  # a buffer from outside
    b"\x80\x04" + b"]" * 300_000 + b"a" * 299_999 + b".",  # deep
    b"\x80\x04\x8a\xff" + b"\xff" * 254 + b"0.",
])  # fmt: skip
@pytest.mark.slow
def test_what_is_no_frame_is_bad(tmp_path: Path, data: bytes) -> None:
    assert reason(tmp_path / "a.pkl", data) == "bad_pickle"


def test_numbers_and_shapes_without_measure_are_bad(tmp_path: Path) -> None:
    """A number of 5,000 digits, which no JSON takes, and 2 ** 60 columns of no rows."""
    many = frame()[["frame"]].astype(object)
    many["video_id"] = [10**5000] * len(many)
    assert reason(tmp_path / "a.pkl", pickle.dumps(many), ("video_id",)) == "bad_pickle"
    made = pickles.Restricted(io.BytesIO(), pickled_frames.ALLOWED)
    array = made.find_class("numpy.core.multiarray", "_reconstruct")()
    array.state = (1, (1 << 60, 0), made.find_class("numpy", "dtype")("O8"), False, [])
    with pytest.raises(BadMedia):
        pickled_frames._rows(array)


def test_a_memo_of_all_memory_costs_the_child(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04Nr" + struct.pack("<I", 0xFFFFFFF0) + b".")
    with pytest.raises(BadMedia) as caught:
        pickled_frames.columns(tmp_path / "a.pkl", NAMES)
    assert caught.value.reason == "decoder_memory"


def test_a_frame_without_the_columns_or_of_other_types_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    assert reason(path, pickle.dumps(frame()[["frame"]])) == "bad_pickle"
    assert reason(path, pickle.dumps(frame()), ("pairs",)) == "bad_pickle"
    dates = frame().assign(video_id=pd.to_datetime(["2024-01-01"] * 3))
    assert reason(path, pickle.dumps(dates)) == "unsafe_pickle"
    assert reason(path, pickle.dumps(frame().astype({"video_id": "str"}))) == "unsafe_pickle"


def test_no_class_of_the_libraries_is_ever_handed_out() -> None:
    made = pickles.Restricted(io.BytesIO(), pickled_frames.ALLOWED)
    for module, name in pickled_frames.ALLOWED:
        assert issubclass(made.find_class(module, name), pickles.StandIn)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.pkl"
    raw = bytearray(pickle.dumps(frame(), protocol=data.draw(st.sampled_from([2, 5]))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        if any(isinstance(a, int) and a > 1 << 24 for _, a, _ in pickletools.genops(bytes(raw))):
            return  # a memo that would take much memory is the child's to lose
    except Exception:  # noqa: BLE001 - what pickletools cannot list is tried like the rest
        pass
    path.write_bytes(raw)
    try:
        pickled_frames.read(path, NAMES)
    except BadMedia as e:
        assert e.reason in ("bad_pickle", "unsafe_pickle")  # noqa: PT017 - either end is right, a third is not
    except MemoryError:
        return  # the child's end: decoder_memory
