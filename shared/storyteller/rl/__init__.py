"""Lesson 06: learning from a reward.

    storyteller reinforce runs/tiny --reward consistency --minutes 3
    storyteller finetune runs/tiny --corpus storyworld-tales-small --minutes 2

rollouts.py     stories told by the model, with the log-probabilities that they were told with
rewards.py      how good a story is, by program
advantages.py   how much better than the others of its group
losses.py       policy gradients, clipped ratios, KL to a reference, preferences, filters
selection.py    best-of-n, the best for expert iteration, pass@k
trainer.py      the loop: tell, score, update
routing.py      the experts that a token had in its rollout, kept for the update
supervised.py   prompts and their stories, the prompt masked
settings.py     how a model is reinforced: the settings
pipeline.py     a run reinforced or fine-tuned, in a folder of its own
"""
