"""Opens a pin and looks inside: what a trainer does first. `python open_release.py --pin train.pin`"""

from __future__ import annotations

import argparse

import handwheel


def main() -> None:
    """Prints each view with one of its samples; every byte read was compared with the release's id."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pin", required=True)
    release = handwheel.open(parser.parse_args().pin)
    print(f"release {release.name}, id {release.id}")
    for name in release.views:
        view = release.view(name)
        print(f"{name}: {len(view)} samples")
        if len(view):
            sample = view[0]
            print(f"  frames {sample.frames.shape} at {sample.fps_hz:g} Hz, caption: {sample.caption}")
            if sample.actions is not None:
                print(f"  actions {sample.actions.shape}, outcome {sample.outcome}")


if __name__ == "__main__":
    main()
