"""What the tables hold now, typed: one object that every hop, report and audit reads the corpus through."""

from __future__ import annotations

from infra.storage.tables import Store
from pipelines.corpus.decisions import decisions_of, without_copies
from pipelines.corpus.duplicates import Copies, copies_of
from pipelines.corpus.episodes import EpisodesByRecording, EpisodeSpan, episode_of, episodes_by_recording
from pipelines.corpus.inventory import ASSET, CurrentAsset, CurrentClip, current_clips, inventory
from schemas import Decision
from schemas.spans import SpanOfBytes
from schemas.tables import TypedTable


class Corpus:
    """The corpus under a recipe and a policy (its digest); what was read once is kept.

    For one hop's run: what another run commits meanwhile is not seen.
    """

    def __init__(self, store: Store, recipe: str, policy: str = "") -> None:
        self.store, self.recipe, self.policy = store, recipe, policy
        self._assets: TypedTable[CurrentAsset] | None = None
        self._clips: TypedTable[CurrentClip] | None = None
        self._decisions: TypedTable[Decision] | None = None
        self._episodes: EpisodesByRecording | None = None

    def assets(self) -> TypedTable[CurrentAsset]:
        """The newest asset of every place (`inventory`)."""
        if self._assets is None:
            self._assets = inventory(self.store, self.recipe)
        return self._assets

    def primary_assets(self) -> TypedTable[CurrentAsset]:
        """The one asset of each recording's bytes that speaks for them."""
        return self.assets().filter(self.assets()[ASSET.primary])

    def clips(self) -> TypedTable[CurrentClip]:
        """Clips of the primary assets under this recipe, in order of clip_id (`current_clips`)."""
        if self._clips is None:
            self._clips = current_clips(self.store, self.assets(), self.recipe)
        return self._clips

    def decisions(self, *, without_duplicates: bool = False) -> TypedTable[Decision]:
        """The policy's decisions that hold now; without_duplicates: copies of better spans are told as such."""
        if self._decisions is None:
            self._decisions = decisions_of(self.store, self.clips(), self.policy)
        if not without_duplicates:
            return self._decisions
        return without_copies(self._decisions, self.copies())

    def copies(self) -> Copies:
        """The accepted spans that are copies of better ones, by span_id."""
        return copies_of(self.store, self.recipe, self.assets(), self.decisions())

    def episodes(self) -> EpisodesByRecording:
        """The latest attempts' spans, by the sha256 of each recording that shows them."""
        if self._episodes is None:
            self._episodes = episodes_by_recording(self.store)
        return self._episodes

    def episode_of(self, span: SpanOfBytes) -> EpisodeSpan | None:
        """The attempt whose camera span holds this span."""
        return episode_of(self.episodes(), span)
