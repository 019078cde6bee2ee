"""Token shards: a corpus as token ids on disk, read through a memory map.

    folder/
        index.json        written last: tokenizer, source, and each shard's name, tokens, documents and checksums
        shard-00000.bin   the ids, one document behind the other, little-endian uint16 (uint32 from 65,537 ids on)
        shard-00000.ends  where each document of the shard ends, little-endian uint64, counted from the shard's start

A document is the tokens of a story and the end token. No document is divided between shards. While the shards are being
written, `unfinished.json` stands in for the index, renewed after each shard: a run that was killed goes on behind the
last complete shard, and the folder it leaves is equal, byte for byte, to that of a run without a break.
"""

from storyteller.training.token_shards.index import INDEX
from storyteller.training.token_shards.reading import TokenShards, open_shards
from storyteller.training.token_shards.writing import Progress, ShardWriter, training_text, write_shards

__all__ = ["INDEX", "Progress", "ShardWriter", "TokenShards", "open_shards", "training_text", "write_shards"]
