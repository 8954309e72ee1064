"""Stable-Baselines3: the callback, with gradients and models."""
# mypy: ignore-errors

import gymnasium
import wandb
from stable_baselines3 import PPO
from wandb.integration.sb3 import WandbCallback

run = wandb.init(project="zoo", name="sb3")
model = PPO("MlpPolicy", gymnasium.make("CartPole-v1"), n_steps=64, batch_size=32, verbose=0, device="cpu")
callback = WandbCallback(model_save_path="models", model_save_freq=64, gradient_save_freq=4)
model.learn(128, callback=callback)
run.finish()
